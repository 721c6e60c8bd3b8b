"""Actions: work with validated parameters and a validated result."""

from .action import BaseAction, NoResult
from .invocation import ActionCall
from .offer import ACTION, Action, action_names, find_action
from .validation import validate_params, validate_result

__all__ = [
    "ACTION",
    "Action",
    "ActionCall",
    "BaseAction",
    "NoResult",
    "action_names",
    "find_action",
    "validate_params",
    "validate_result",
]
