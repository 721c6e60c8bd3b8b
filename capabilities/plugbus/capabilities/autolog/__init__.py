"""Automatic logging: what frameworks tell of their training, reported by the action that trains."""

from typing import TYPE_CHECKING

from plugbus.kernel import import_late

from .contract import AUTOLOG, Autolog, AutologFramework, JobReport
from .errors import AutologError, FrameworkMissingError, UnknownFrameworkError

# The frameworks that are known from the start, each imported by the action that names it.
if TYPE_CHECKING:
    from .lightning import LightningAutolog
    from .scikit_learn import SklearnAutolog
    from .ultralytics import UltralyticsAutolog
else:
    __getattr__ = import_late(
        __name__,
        lightning=("LightningAutolog",),
        scikit_learn=("SklearnAutolog",),
        ultralytics=("UltralyticsAutolog",),
    )

__all__ = [
    "AUTOLOG",
    "Autolog",
    "AutologError",
    "AutologFramework",
    "FrameworkMissingError",
    "JobReport",
    "LightningAutolog",
    "SklearnAutolog",
    "UltralyticsAutolog",
    "UnknownFrameworkError",
]
