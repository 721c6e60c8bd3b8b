"""What is wrong with automatic logging."""

from __future__ import annotations

from ..errors import CapabilityError


class AutologError(CapabilityError, RuntimeError):
    """Refuse automatic logging that nothing would end."""

    def __init__(self, framework: str, cause: str) -> None:
        super().__init__(framework, cause)
        self.framework = framework
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot log framework '{self.framework}': {self.cause}"


class UnknownFrameworkError(CapabilityError, ValueError):
    """Name a framework that nobody can log, and those that can be logged."""

    def __init__(self, framework: str, near: tuple[str, ...], known: tuple[str, ...]) -> None:
        super().__init__(framework, near, known)
        self.framework = framework
        self.near = near
        self.known = known

    def __str__(self) -> str:
        known = ", ".join(f"'{one}'" for one in self.known)
        tail = f"did you mean '{self.near[0]}'? known are {known}" if self.near else f"known are {known}"
        return f"cannot log framework '{self.framework}': no integration is offered; {tail}"


class FrameworkMissingError(CapabilityError, ImportError):
    """Name a framework that is not installed, and what installs it."""

    def __init__(self, framework: str, module: str, requirement: str) -> None:
        super().__init__(framework, module, requirement)
        self.framework = framework
        self.module = module
        self.requirement = requirement

    def __str__(self) -> str:
        return (
            f"cannot log framework '{self.framework}': module '{self.module}' is not installed; "
            f'pip install "{self.requirement}"'
        )
