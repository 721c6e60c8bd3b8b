"""What goes wrong with annotating tasks."""

from __future__ import annotations

from ...errors import CapabilityError


class AnnotationFileError(CapabilityError, ValueError):
    """Refuse a file with annotations, with every fault as ``(place, why)``."""

    def __init__(self, path: str, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(path, faults)
        self.path = path
        self.faults = faults

    def __str__(self) -> str:
        told = "; ".join(f"{place}: {why}" if place else why for place, why in self.faults)
        return f"cannot read annotations '{self.path}': {told}"


class TaskFilterError(CapabilityError, ValueError):
    """Refuse what says which tasks are annotated, with every fault as ``(key, why)``."""

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        return f"cannot annotate tasks: {'; '.join(f'{key}: {why}' for key, why in self.faults)}"


class NothingAnnotatedError(CapabilityError, RuntimeError):
    """Say that every task failed.

    Args:
        project: The project.
        failures: Why, one text a task, of the first ones.
        count: How many failed.
    """

    def __init__(self, project: int, failures: tuple[str, ...], count: int) -> None:
        super().__init__(project, failures, count)
        self.project = project
        self.failures = failures
        self.count = count

    def __str__(self) -> str:
        more = f"; and {self.count - len(self.failures)} more" if self.count > len(self.failures) else ""
        told = "; ".join(self.failures)
        return f"cannot annotate tasks of project '{self.project}': all {self.count} failed: {told}{more}"
