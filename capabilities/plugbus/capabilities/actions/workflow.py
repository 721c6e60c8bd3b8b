"""Actions whose work is a workflow of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, cast

from pydantic import AliasChoices, BaseModel

from ..errors import ActionDefinitionError
from ..steps import BaseStep, BaseStepContext, JsonCheckpointStore, Orchestrator, StepRegistry
from .action import BaseAction

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..steps import CheckpointStore, StepsSummary

WORK_FOLDER: Final = "PLUGBUS_WORK_FOLDER"
"""The setting that says where workflows keep their checkpoints; without it, or without a job's id, none is kept."""


@dataclass(kw_only=True)
class WorkflowContext(BaseStepContext):
    """What the steps of an action share: subclass it as a dataclass with the fields of the workflow.

    Args:
        params: The action's parameters.
        action: The action, so that steps can call what its author has overridden.
        result: What is to be the action's result: a mapping is completed with the facts of the workflow, anything else
            is left as it is.
    """

    params: Any = None
    action: Any = None
    result: Any = None

    def save_state(self) -> Mapping[str, Any]:
        """Return what has to be kept in a checkpoint; a result that is a model becomes a mapping."""
        state = {name: value for name, value in super().save_state().items() if name not in {"params", "action"}}
        if isinstance(self.result, BaseModel):
            state["result"] = self.result.model_dump(mode="json")
        return state


P = TypeVar("P", bound=BaseModel)
C = TypeVar("C", bound=BaseStepContext)
C_contra = TypeVar("C_contra", bound=BaseStepContext, contravariant=True)


class WorkflowStep(BaseStep[C_contra], Generic[C_contra]):
    """A step whose name and weight are known when it is written.

    Attributes:
        label: The name.
        weight: Its share of the work.
    """

    label: ClassVar[str]
    weight: ClassVar[float]

    @property
    def name(self) -> str:
        """Return the name."""
        return self.label

    @property
    def progress_weight(self) -> float:
        """Return the step's share of the work."""
        return self.weight


class WorkflowAction(BaseAction[P], Generic[P, C]):
    """Do work as a workflow of steps: name the context's class, and register the steps.

    Lifecycle of ``execute``:

    1. ``make_context`` makes what the steps share, unless ``context`` was asked for before.
    2. ``setup_steps`` registers the steps. An override may call ``super().setup_steps(registry)`` and then insert,
       replace or take out steps. Then come the steps that loaded plugins contribute to the workflow.
    3. The steps are executed in order. Their weights make up the progress of the job; each may report its own.
    4. If one fails, or the job is cancelled, those that succeeded are rolled back, the last one first.
    5. ``make_result`` returns the result.

    An action that overrides ``execute`` alone has no steps, and is an action like any other.

    Attributes:
        context_class: What ``make_context`` makes.
        workflow: The id under which plugins contribute steps; the action's name by default.
    """

    context_class: ClassVar[type[BaseStepContext]] = WorkflowContext
    workflow: ClassVar[str | None] = None

    _context: C | None = None
    _is_executed: bool = False

    def setup_steps(self, registry: StepRegistry[C]) -> None:
        """Register the steps, in their order."""

    def make_context(self) -> C:
        """Return what the steps of one execution share."""
        known = {"params": self.params, "action": self} if issubclass(self.context_class, WorkflowContext) else {}
        make = cast("Callable[..., C]", self.context_class)
        return make(runtime_ctx=self.ctx, **known)

    def make_checkpoints(self) -> CheckpointStore | None:
        """Return where it is written down which steps are done; None where that is not wanted.

        By default this is a file of the job in the folder that the setting ``PLUGBUS_WORK_FOLDER`` names. A job that is
        started again with the same id after the end of its process goes on after the last step that was done.
        """
        path = self.work_file("steps.json")
        return None if path is None else JsonCheckpointStore(path)

    def work_file(self, suffix: str) -> Path | None:
        """Return where the job may note how far it is, a file of its own for each suffix.

        It is None where there is no setting ``PLUGBUS_WORK_FOLDER`` or no id of the job: nobody would find it again.
        """
        folder, job_id = self.ctx.env.get(WORK_FOLDER), self.ctx.job_id
        return Path(str(folder)) / f"{_file_name(job_id)}.{suffix}" if folder and job_id else None

    def facts(self, context: C) -> Mapping[str, Any]:
        """Return what the result says of the workflow, besides the number of its steps."""
        return {}

    def make_result(self, context: C, summary: StepsSummary) -> Any:
        """Return the action's result.

        It is ``context.result``. If that is a mapping or None, it is completed: with the facts of the workflow and the
        number of its steps, or, where the action has a result model, with those of the model's fields that the facts
        and the ``data`` of the steps have values for. What ``context.result`` says counts above all that.
        """
        own = getattr(context, "result", None)
        if own is not None and not isinstance(own, Mapping):
            return own
        found: dict[str, Any] = {**summary, **self.facts(context)}
        model = self.result_model
        if issubclass(model, BaseModel):
            told = {name: value for one in context.step_results for name, value in one.data.items()}
            wanted = _names(model)
            found = {name: value for name, value in {**told, **found}.items() if name in wanted}
        return {**found, **(own or {})}

    @property
    def context(self) -> C:
        """Return what the steps share: of the next execution before it, of the last one after it."""
        if self._context is None:
            self._context = self.make_context()
        return self._context

    def execute(self) -> Any:
        """Execute the steps and return the action's result.

        Raises:
            ActionDefinitionError: No step is registered.
            AsyncStepError: A step is async: write ``async def execute`` and await ``execute_async`` in it.
            StepFailedError: A step failed; what had succeeded is rolled back.
            WorkCancelledError: The job was cancelled; what had succeeded is rolled back.
            StepsChangedError: The job has a checkpoint of other steps.
        """
        orchestrator = self._orchestrator()
        return self.make_result(orchestrator.context, orchestrator.execute())

    async def execute_async(self) -> Any:
        """Execute the steps as ``execute`` does; those that are async are awaited."""
        orchestrator = self._orchestrator()
        return self.make_result(orchestrator.context, await orchestrator.execute_async())

    def _orchestrator(self) -> Orchestrator[C]:
        if self._is_executed:
            self._context = None
        context = self.context
        registry: StepRegistry[C] = StepRegistry()
        self.setup_steps(registry)
        if not registry:
            label = self.action_name or type(self).__qualname__
            raise ActionDefinitionError(label, "it has no steps; register some in setup_steps, or override execute")
        workflow, locator = self.workflow or self.action_name, self.ctx.services.locator
        if workflow is not None and locator is not None:
            registry = StepRegistry.from_services(locator, workflow, registry)
        self._is_executed = True
        return Orchestrator(registry, context, checkpoints=self.make_checkpoints())


def _names(model: type[BaseModel]) -> set[str]:
    """Return the names by which a model reads its fields."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
        found.update(one for one in choices if isinstance(one, str))
    return found


def _file_name(job_id: str) -> str:
    """Return a job's id as the name of a file, a different one for each id."""
    from urllib.parse import quote

    return quote(job_id, safe="")
