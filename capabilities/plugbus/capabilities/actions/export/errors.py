"""What goes wrong with exports."""

from __future__ import annotations

from ...errors import CapabilityError


class ExportTargetError(CapabilityError, LookupError):
    """Name a target that there is no handler for, and what is near."""

    def __init__(self, target: str, near: tuple[str, ...], known: tuple[str, ...]) -> None:
        super().__init__(target, near, known)
        self.target = target
        self.near = near
        self.known = known

    def __str__(self) -> str:
        head = f"cannot export target '{self.target}': there is no handler for it"
        if self.near:
            return f"{head}; did you mean {' or '.join(repr(one) for one in self.near)}?"
        return f"{head}; there are {', '.join(repr(one) for one in self.known) or 'none'}"


class ExportTargetExistsError(CapabilityError, ValueError):
    """Refuse a second handler for a target."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.target = target

    def __str__(self) -> str:
        return f"cannot register handler of target '{self.target}': there is one; choose another name"


class ExportFilterError(CapabilityError, ValueError):
    """Refuse a filter, with every fault as ``(key, why)``."""

    def __init__(self, target: str, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(target, faults)
        self.target = target
        self.faults = faults

    def __str__(self) -> str:
        told = "; ".join(f"{key}: {why}" if key else why for key, why in self.faults)
        return f"cannot export target '{self.target}': {told}"


class NothingExportedError(CapabilityError, RuntimeError):
    """Say that every item of an export failed.

    Args:
        name: Of the export.
        failures: Why, one text an item, of the first ones.
        count: How many failed.
    """

    def __init__(self, name: str, failures: tuple[str, ...], count: int) -> None:
        super().__init__(name, failures, count)
        self.name = name
        self.failures = failures
        self.count = count

    def __str__(self) -> str:
        more = f"; and {self.count - len(self.failures)} more" if self.count > len(self.failures) else ""
        return f"cannot export '{self.name}': all {self.count} items failed: {'; '.join(self.failures)}{more}"
