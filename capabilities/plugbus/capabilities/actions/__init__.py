"""Actions: work with validated parameters and a validated result."""

from typing import TYPE_CHECKING

from plugbus.kernel import import_late

from .action import BaseAction, NoResult
from .decorator import action
from .invocation import ActionCall
from .offer import ACTION, Action, action_names, find_action
from .policy import ActionPolicy, RetryPolicy
from .validation import validate_params, validate_result

# Steps, and what is made of them, are imported by those who use them.
if TYPE_CHECKING:
    from .workflow import WorkflowAction, WorkflowContext
else:
    __getattr__ = import_late(__name__, workflow=("WorkflowAction", "WorkflowContext"))

__all__ = [
    "ACTION",
    "Action",
    "ActionCall",
    "ActionPolicy",
    "BaseAction",
    "NoResult",
    "RetryPolicy",
    "WorkflowAction",
    "WorkflowContext",
    "action",
    "action_names",
    "find_action",
    "validate_params",
    "validate_result",
]
