"""What is wrong with a backend, or with a record in it."""

from __future__ import annotations

from ..errors import CapabilityError, unloaded


class BackendError(CapabilityError):
    """Root of what backends raise."""


class RecordNotFoundError(BackendError, LookupError):
    """Name records that are not there.

    Args:
        kind: What they are, such as ``dataset``.
        ids: All that were asked for and are missing.
    """

    def __init__(self, kind: str, ids: tuple[int | str, ...]) -> None:
        super().__init__(kind, ids)
        self.kind = kind
        self.ids = ids

    def __str__(self) -> str:
        told = ", ".join(f"'{one}'" for one in self.ids)
        return f"cannot find {self.kind} {told}: the backend has none"


class RecordConflictError(BackendError, ValueError):
    """Refuse what contradicts the records that are there.

    Args:
        verb: What was tried: ``create``, ``delete``, ``update`` ...
        kind: What it is, such as ``model``.
        record: Its name or id.
        cause: What stands against it.
    """

    def __init__(self, verb: str, kind: str, record: str, cause: str) -> None:
        super().__init__(verb, kind, record, cause)
        self.verb = verb
        self.kind = kind
        self.record = record
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot {self.verb} {self.kind} '{self.record}': {self.cause}"


class RecordContentError(BackendError, ValueError):
    """Refuse content that no backend could keep, with every fault as ``(path, why)``."""

    def __init__(self, verb: str, kind: str, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(verb, kind, faults)
        self.verb = verb
        self.kind = kind
        self.faults = faults

    def __str__(self) -> str:
        told = "; ".join(f"{path}: {why}" for path, why in self.faults)
        return f"cannot {self.verb} {self.kind}: {told}"


class BackendFailedError(BackendError, RuntimeError):
    """Say what the backend itself could not do: it is full, busy, broken, or not to be reached.

    Args:
        operation: What was asked of it.
        cause: What it said.
        is_unsure: Whether it may have been done after all, so that trying again could do it twice.
    """

    def __init__(self, operation: str, cause: str, is_unsure: bool = False) -> None:
        super().__init__(operation, cause, is_unsure)
        self.operation = operation
        self.cause = cause
        self.is_unsure = is_unsure

    def __str__(self) -> str:
        tail = "; it is not known whether it was done" if self.is_unsure else ""
        return f"cannot {self.operation}: {self.cause}{tail}"


class BackendUnavailableError(BackendError):
    """Say that a job was given no backend.

    Args:
        job_id: The job, empty where it has no id.
        plugins: Ids of those that are registered and would provide one.
    """

    def __init__(self, job_id: str, plugins: tuple[str, ...] = ()) -> None:
        super().__init__(job_id, plugins)
        self.job_id = job_id
        self.plugins = plugins

    def __str__(self) -> str:
        job = f" of job '{self.job_id}'" if self.job_id else ""
        remedy = unloaded(self.plugins, "backend") or "load a plugin that does, such as local_backend"
        return f"cannot use backend{job}: nothing provides 'backend'; {remedy}"
