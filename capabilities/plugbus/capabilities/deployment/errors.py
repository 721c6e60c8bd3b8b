"""What goes wrong with serving models."""

from __future__ import annotations

from ..errors import CapabilityError


class DeploymentNotFoundError(CapabilityError, LookupError):
    """Name a model that is not served, and what is near."""

    def __init__(self, name: str, near: tuple[str, ...], known: tuple[str, ...]) -> None:
        super().__init__(name, near, known)
        self.name = name
        self.near = near
        self.known = known

    def __str__(self) -> str:
        head = f"cannot find deployment '{self.name}': nothing of this name is served"
        if self.near:
            return f"{head}; did you mean {' or '.join(repr(one) for one in self.near)}?"
        return f"{head}; there are {', '.join(repr(one) for one in self.known) or 'none'}"


class DeployerUnavailableError(CapabilityError):
    """Say that a job was given nothing that serves models."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        job = f" in job '{self.job_id}'" if self.job_id else ""
        return f"cannot deploy model{job}: nothing provides 'deployer'; load a plugin that does, such as local_deployer"
