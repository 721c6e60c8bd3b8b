"""What goes wrong with datasets of a backend."""

from __future__ import annotations

from ...errors import CapabilityError

_TOLD = 3


class DatasetDownloadError(CapabilityError, RuntimeError):
    """Say that nothing of a dataset could be had.

    Args:
        dataset: Its id.
        failures: What went wrong, one text a data unit; none where it has no data unit.
    """

    def __init__(self, dataset: int, failures: tuple[str, ...]) -> None:
        super().__init__(dataset, failures)
        self.dataset = dataset
        self.failures = failures

    def __str__(self) -> str:
        head = f"cannot download dataset '{self.dataset}': "
        if not self.failures:
            return f"{head}it has no data unit of the splits that are wanted"
        more = f"; and {len(self.failures) - _TOLD} more" if len(self.failures) > _TOLD else ""
        return f"{head}no data unit could be had: {'; '.join(self.failures[:_TOLD])}{more}"


class DatasetParamsError(CapabilityError, ValueError):
    """Refuse parameters of a dataset action that do not say what is needed for what is to be done."""

    def __init__(self, operation: str, cause: str) -> None:
        super().__init__(operation, cause)
        self.operation = operation
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot {self.operation} dataset: {self.cause}"
