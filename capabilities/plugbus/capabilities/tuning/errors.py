"""What goes wrong with tuning."""

from __future__ import annotations

from ..errors import CapabilityError


class SearchSpaceError(CapabilityError, ValueError):
    """Refuse a search space, with every fault as ``(parameter, why)``."""

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        told = "; ".join(f"{name}: {why}" if name else why for name, why in self.faults)
        return f"cannot search hyperparameters: {told}"


class TrialPrunedError(CapabilityError, RuntimeError):
    """Leave a trial that does worse than others did; it is no failure.

    Args:
        trial: Its number.
        step: The epoch or iteration at which it was left.
    """

    def __init__(self, trial: int, step: int) -> None:
        super().__init__(trial, step)
        self.trial = trial
        self.step = step

    def __str__(self) -> str:
        return f"cannot go on with trial '{self.trial}': others did better at step {self.step}"


class TuningFailedError(CapabilityError, RuntimeError):
    """Say that no trial came to a value.

    Args:
        study: What the trials are part of.
        failures: Why, one text a trial that failed.
    """

    def __init__(self, study: str, failures: tuple[str, ...]) -> None:
        super().__init__(study, failures)
        self.study = study
        self.failures = failures

    def __str__(self) -> str:
        told = "; ".join(self.failures[:3]) or "all trials were left early"
        more = f"; and {len(self.failures) - 3} more" if len(self.failures) > 3 else ""
        return f"cannot tune '{self.study}': no trial came to a value: {told}{more}"


class TunerUnavailableError(CapabilityError):
    """Say that a job was given nothing that searches hyperparameters."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        job = f" for job '{self.job_id}'" if self.job_id else ""
        return f"cannot tune{job}: nothing provides 'tuner'; load a plugin that does, such as optuna_tuner"
