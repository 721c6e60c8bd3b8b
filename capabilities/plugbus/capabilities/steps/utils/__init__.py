"""The steps around steps, and the one that validates, under the name that programs from elsewhere import them by."""

from ..validation import ValidationStep
from ..wrapping import LoggingStep, StepWrapper, TimingStep

__all__ = ["LoggingStep", "StepWrapper", "TimingStep", "ValidationStep"]
