"""Tuning: trying hyperparameters, and keeping the best."""

from typing import TYPE_CHECKING

from plugbus.kernel import import_late

from .errors import SearchSpaceError, TrialPrunedError, TunerUnavailableError, TuningFailedError
from .tuner import TUNER, Objective, Trial, TrialOutcome, TrialRecord, TrialState, Tuner, TuningResult

# Those who are asked to tune read what is searched, and how.
if TYPE_CHECKING:
    from .config import TuneConfig
    from .space import ParameterKind, SearchParameter, read_space
else:
    __getattr__ = import_late(
        __name__, config=("TuneConfig",), space=("ParameterKind", "SearchParameter", "read_space")
    )

__all__ = [
    "TUNER",
    "Objective",
    "ParameterKind",
    "SearchParameter",
    "SearchSpaceError",
    "Trial",
    "TrialOutcome",
    "TrialPrunedError",
    "TrialRecord",
    "TrialState",
    "TuneConfig",
    "Tuner",
    "TunerUnavailableError",
    "TuningFailedError",
    "TuningResult",
    "read_space",
]
