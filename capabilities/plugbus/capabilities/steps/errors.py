"""What goes wrong with steps."""

from __future__ import annotations

from ..errors import CapabilityError

_MOST_NAMES = 10


class StepDefinitionError(CapabilityError, ValueError):
    """Refuse a step that could not be executed."""

    def __init__(self, step: str, cause: str) -> None:
        super().__init__(step, cause)
        self.step = step
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot register step '{self.step}': {self.cause}"


class StepExistsError(CapabilityError, ValueError):
    """Refuse a second step of one name."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step

    def __str__(self) -> str:
        return f"cannot register step '{self.step}': a step of this name is registered; give it another name"


class StepNotFoundError(CapabilityError, LookupError):
    """Name a step that is not registered, or a name that several steps share, and what is near.

    Args:
        step: The name that was looked for.
        near: Names that may have been meant.
        known: All names.
        wanted_by: The step that has to stand before or after it, empty if none has to.
    """

    def __init__(self, step: str, near: tuple[str, ...] = (), known: tuple[str, ...] = (), wanted_by: str = "") -> None:
        super().__init__(step, near, known, wanted_by)
        self.step = step
        self.near = near
        self.known = known
        self.wanted_by = wanted_by

    def __str__(self) -> str:
        by = f", which step '{self.wanted_by}' stands beside" if self.wanted_by else ""
        head = f"cannot find step '{self.step}'{by}: "
        if self.near:
            offered = " or ".join(f"'{name}'" for name in self.near)
            return f"{head}no single step has this name; did you mean {offered}?"
        if not self.known:
            return f"{head}no step is registered"
        listed = ", ".join(f"'{name}'" for name in self.known[:_MOST_NAMES])
        more = f" and {len(self.known) - _MOST_NAMES} more" if len(self.known) > _MOST_NAMES else ""
        return f"{head}no step has this name; there are {listed}{more}"


class StepCycleError(CapabilityError, ValueError):
    """Refuse steps that stand before each other in a circle.

    Args:
        workflow: What they were contributed to.
        path: The circle; its first step comes again at its end.
    """

    def __init__(self, workflow: str, path: tuple[str, ...]) -> None:
        super().__init__(workflow, path)
        self.workflow = workflow
        self.path = path

    def __str__(self) -> str:
        return f"cannot order steps of workflow '{self.workflow}': {' -> '.join(self.path)}"


class AsyncStepError(CapabilityError, TypeError):
    """Refuse steps that need an event loop where there is none."""

    def __init__(self, steps: tuple[str, ...]) -> None:
        super().__init__(steps)
        self.steps = steps

    def __str__(self) -> str:
        names = ", ".join(f"'{name}'" for name in self.steps)
        return f"cannot execute step {names}: it is async; await execute_async()"


class StepsRunningError(CapabilityError, RuntimeError):
    """Refuse to execute steps with a context that other steps are executed with."""

    def __init__(self, current_step: str | None) -> None:
        super().__init__(current_step)
        self.current_step = current_step

    def __str__(self) -> str:
        at = f" at step '{self.current_step}'" if self.current_step else ""
        return f"cannot execute steps: this orchestrator is executing them{at}; make one of its own for each execution"


class StepResultError(CapabilityError, TypeError):
    """Refuse what a step returned in place of a ``StepResult``."""

    def __init__(self, step: str, returned: str, expected: str = "StepResult") -> None:
        super().__init__(step, returned, expected)
        self.step = step
        self.returned = returned
        self.expected = expected

    def __str__(self) -> str:
        return f"cannot accept result of step '{self.step}': it returned {self.returned}; return a {self.expected}"


class StepRollbackError(CapabilityError, RuntimeError):
    """Say why a step could not be rolled back; its ``__cause__`` is what was raised."""

    def __init__(self, step: str, cause: str) -> None:
        super().__init__(step, cause)
        self.step = step
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot roll back step '{self.step}': {self.cause}"


class StepFailedError(CapabilityError, RuntimeError):
    """Say which step made its workflow fail. All steps before it are rolled back.

    Its text is the one that programs know from other step systems.

    Args:
        step: The step.
        cause: Why, as text; ``__cause__`` is what was raised, None where the step returned a result without success.
        phase: ``before_step``, ``can_skip``, ``execute``, ``checkpoint``, ``report`` or ``progress_callback``.
        rollback_failures: What went wrong while the steps before it were rolled back; they are notes of this error too.
    """

    def __init__(
        self, step: str, cause: str, phase: str = "execute", rollback_failures: tuple[StepRollbackError, ...] = ()
    ) -> None:
        super().__init__(step, cause, phase, rollback_failures)
        self.step = step
        self.cause = cause
        self.phase = phase
        self.rollback_failures = rollback_failures

    def __str__(self) -> str:
        where = "" if self.phase == "execute" else f" in {self.phase}"
        return f"Step '{self.step}' failed{where}: {self.cause}"


class CheckpointError(CapabilityError, ValueError):
    """Refuse a checkpoint that can't be read or written.

    Args:
        checkpoint: Where it is kept.
        verb: ``read``, ``write``, ``use`` or ``resume from``.
        cause: What is wrong with it.
    """

    def __init__(self, checkpoint: str, verb: str, cause: str) -> None:
        super().__init__(checkpoint, verb, cause)
        self.checkpoint = checkpoint
        self.verb = verb
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot {self.verb} checkpoint '{self.checkpoint}': {self.cause}"


class StepsChangedError(CapabilityError, ValueError):
    """Refuse to resume other steps than those that a checkpoint is of.

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
        return f"cannot resume from checkpoint '{self.checkpoint}': {told}; restore the steps, or delete the checkpoint"


class CheckpointStateError(CapabilityError, ValueError):
    """Refuse saved state with fields that a context does not have."""

    def __init__(self, context: str, unknown: tuple[str, ...]) -> None:
        super().__init__(context, unknown)
        self.context = context
        self.unknown = unknown

    def __str__(self) -> str:
        names = ", ".join(f"'{name}'" for name in self.unknown)
        return f"cannot restore context '{self.context}': it has no field {names}"
