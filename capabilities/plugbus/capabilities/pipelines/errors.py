"""What goes wrong with pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CapabilityError

if TYPE_CHECKING:
    from .fault import PipelineFault


class PipelineDefinitionError(CapabilityError, ValueError):
    """Refuse a pipeline that could not be run.

    Args:
        pipeline: Its name.
        faults: What is wrong with it, all at once.
    """

    def __init__(self, pipeline: str, faults: tuple[PipelineFault, ...]) -> None:
        super().__init__(pipeline, faults)
        self.pipeline = pipeline
        self.faults = faults

    def __str__(self) -> str:
        return f"cannot use pipeline '{self.pipeline}': {'; '.join(map(str, self.faults))}"


class PipelineParamsError(CapabilityError, ValueError):
    """Refuse the parameters that a pipeline is to begin with.

    Args:
        pipeline: Its name.
        faults: One ``(path, why)`` for each fault; the path is the action's name, a dot, and the parameter, or the
            parameter alone where it is no action's.
    """

    def __init__(self, pipeline: str, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(pipeline, faults)
        self.pipeline = pipeline
        self.faults = faults

    def __str__(self) -> str:
        told = "; ".join(f"{path}: {why}" for path, why in self.faults)
        return f"cannot run pipeline '{self.pipeline}': {told}"


class WiringError(CapabilityError, ValueError):
    """Say why an action does not get what it is wired to.

    Args:
        action: The action's name in its pipeline.
        faults: One ``(parameter, why)`` for each fault.
    """

    def __init__(self, action: str, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(action, faults)
        self.action = action
        self.faults = faults

    def __str__(self) -> str:
        told = "; ".join(f"{path}: {why}" for path, why in self.faults)
        return f"cannot put together parameters of action '{self.action}': {told}"


class PipelineFailedError(CapabilityError, RuntimeError):
    """Say which actions made their pipeline fail.

    ``__cause__`` is what the action raised, or an ``ExceptionGroup`` where several failed.

    Args:
        pipeline: The pipeline's name.
        failures: One ``(action, cause)`` for each action that failed, in the order of their ends.
    """

    def __init__(self, pipeline: str, failures: tuple[tuple[str, str], ...]) -> None:
        super().__init__(pipeline, failures)
        self.pipeline = pipeline
        self.failures = failures

    @property
    def action(self) -> str:
        """Return the name of the action that failed first."""
        return self.failures[0][0]

    @property
    def cause(self) -> str:
        """Return why the action that failed first did."""
        return self.failures[0][1]

    def __str__(self) -> str:
        told = "; ".join(f"action '{action}' failed: {cause}" for action, cause in self.failures)
        return f"cannot complete pipeline '{self.pipeline}': {told}"


class PipelineChangedError(CapabilityError, ValueError):
    """Refuse to resume another pipeline, or other parameters, than those that a checkpoint is of.

    Args:
        checkpoint: Where it is kept.
        changes: What changed, one text for each.
    """

    def __init__(self, checkpoint: str, changes: tuple[str, ...]) -> None:
        super().__init__(checkpoint, changes)
        self.checkpoint = checkpoint
        self.changes = changes

    def __str__(self) -> str:
        told = "; ".join(self.changes)
        remedy = "undo that, or begin anew without the checkpoint"
        return f"cannot resume from checkpoint '{self.checkpoint}': {told}; {remedy}"


class PipelineRunNotFoundError(CapabilityError, LookupError):
    """Name a run that an executor of pipelines does not know, and what is near."""

    def __init__(self, run_id: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(run_id, near)
        self.run_id = run_id
        self.near = near

    def __str__(self) -> str:
        tail = f"; did you mean {' or '.join(repr(one) for one in self.near)}?" if self.near else ""
        return f"cannot find pipeline run '{self.run_id}': it was not submitted here{tail}"
