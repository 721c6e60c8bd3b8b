"""Pipelines: actions that take what earlier ones return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..context import RuntimeContext
from .beginning import is_to_be_resumed, params_of, run_plan, store_of
from .checking import plan_faults
from .drawing import drawn
from .errors import PipelineDefinitionError
from .fault import PipelineFault
from .plan import PipelinePlan, PlannedAction, make_plan, offer
from .wiring import check_params, missing_params

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import Self

    from plugbus.kernel import ServiceLocator

    from ..actions import BaseAction
    from ..cancellation import CancellationToken
    from ..executors import Executor
    from .checkpoint import PipelineCheckpoints
    from .context import PipelineContext
    from .executor import PipelineExecutor
    from .node import ActionNode
    from .progress import PipelineProgress
    from .run import PipelineRun

Params = Mapping[str, Any] | BaseModel | None


class ActionPipeline:
    """Run actions one after the other, or side by side, each with what it needs of what earlier ones returned.

    A chain is ``ActionPipeline([Download, Train, Export])``; each action waits for the one before it. A graph is
    ``ActionPipeline.graph([...])``; each waits for those that it gets something from, and for those in ``after``.

    Lifecycle:

    1. Made: everything that can be known to be wrong is refused, all at once.
    2. ``execute`` or ``run``, any number of times, from any thread; each is a run of its own.

    Args:
        actions: Classes of actions, names of offered ones, and ``ActionNode`` where more is to be said.
        name: What it goes by: letters, digits, ``_`` and ``-``.
        services: Where actions are found by name: ``kernel.services``.
        strict: Refuse what may fit and need not: data types that are too general, parameters that could be taken
            from several places, results that are not declared.
        validate_schemas: Whether types and parameters are looked at; names, references and the order always are.
        continue_on_failure: Whether other branches go on when an action fails.
        max_parallel: How many actions may run at once; None for no limit.

    Raises:
        PipelineDefinitionError: It could not be run; has every fault.
    """

    def __init__(
        self,
        actions: Iterable[ActionNode | type[BaseAction[Any]] | str],
        *,
        name: str = "pipeline",
        services: ServiceLocator | None = None,
        strict: bool = False,
        validate_schemas: bool = True,
        continue_on_failure: bool = False,
        max_parallel: int | None = None,
    ) -> None:
        plan = make_plan(name, actions, services, is_graph=False, is_strict=strict)
        self._accept(
            plan, is_chain=True, is_patient=continue_on_failure, limit=max_parallel, is_checked=validate_schemas
        )

    @classmethod
    def graph(
        cls,
        actions: Iterable[ActionNode | type[BaseAction[Any]] | str],
        *,
        name: str = "pipeline",
        services: ServiceLocator | None = None,
        strict: bool = False,
        validate_schemas: bool = True,
        continue_on_failure: bool = False,
        max_parallel: int | None = None,
    ) -> Self:
        """Make a pipeline whose actions run as soon as those that they need are done.

        Args:
            actions: As for a chain; what each needs is said by its ``inputs``, ``when`` and ``after``.
            name: As for a chain, and so are the others.
            services: Where actions are found by name.
            strict: Refuse what may fit and need not.
            validate_schemas: Whether types and parameters are looked at.
            continue_on_failure: Whether other branches go on when an action fails.
            max_parallel: How many actions may run at once.

        Raises:
            PipelineDefinitionError: It could not be run; has every fault.
        """
        plan = make_plan(name, actions, services, is_graph=True, is_strict=strict)
        made = cls.__new__(cls)
        made._accept(
            plan, is_chain=False, is_patient=continue_on_failure, limit=max_parallel, is_checked=validate_schemas
        )
        return made

    def _accept(
        self, plan: PipelinePlan, *, is_chain: bool, is_patient: bool, limit: int | None, is_checked: bool
    ) -> None:
        faults = plan_faults(plan) if is_checked else ()
        if limit is not None and limit < 1:
            wrong = PipelineFault(
                None, ("max_parallel",), f"max_parallel is {limit}", "give a number from 1 on, or none"
            )
            faults = (*faults, wrong)
        if faults:
            raise PipelineDefinitionError(plan.name, faults)
        self._plan = plan
        self._is_chain = is_chain
        self._is_patient = is_patient
        self._limit = limit

    @property
    def name(self) -> str:
        """Return what it goes by."""
        return self._plan.name

    @property
    def action_names(self) -> tuple[str, ...]:
        """Return the names of its actions, in the order in which they are run where nothing runs side by side."""
        return tuple(self._plan.actions)

    @property
    def actions(self) -> tuple[type[BaseAction[Any]], ...]:
        """Return its actions, in the same order."""
        return tuple(one.action_cls for one in self._plan.actions.values())

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Return who waits for whom, as ``(before, after)``."""
        return self._plan.edges

    def __len__(self) -> int:
        return len(self._plan.actions)

    def __repr__(self) -> str:
        listed = (" | " if self._is_chain else ", ").join(
            one.action_cls.__name__ for one in self._plan.actions.values()
        )
        return f"{type(self).__name__}({listed})" if self._is_chain else f"{type(self).__name__}.graph({listed})"

    def draw(self, form: str = "mermaid") -> str:
        """Return the pipeline as a graph: ``mermaid`` for Markdown, ``dot`` for Graphviz, or ``json``.

        Raises:
            ValueError: There is no such form.
        """
        return drawn(self._plan, form)

    def with_params(self, params: Mapping[str, Mapping[str, Any]]) -> Self:
        """Return the same pipeline with other parameters for some of its actions.

        Args:
            params: Name of an action to parameters that take the place of those it has.

        Raises:
            PipelineDefinitionError: There is no such action or parameter, or it is wrong; has every fault.
        """
        unknown = [name for name in params if name not in self._plan.actions]
        if unknown:
            known = self._plan.actions
            faults = (PipelineFault(None, (), f"there is no action '{one}'", offer(one, known)) for one in unknown)
            raise PipelineDefinitionError(self.name, tuple(faults))
        actions = {key: _with_params(one, params.get(key, {})) for key, one in self._plan.actions.items()}
        other = type(self).__new__(type(self))
        other._accept(
            replace(self._plan, actions=actions),
            is_chain=self._is_chain,
            is_patient=self._is_patient,
            limit=self._limit,
            is_checked=True,
        )
        return other

    def validate_initial_params(self, params: Params = None) -> list[str]:
        """Return the parameters that no action could get from anywhere, as ``action.parameter``.

        Args:
            params: What the pipeline is to begin with.
        """
        return missing_params(self._plan, params_of(params) or {})

    def check_params(self, params: Params = None) -> None:
        """Look at what the pipeline is to begin with, as every run does before anything else.

        Raises:
            PipelineParamsError: Something is missing, unknown, or what it must not be; has every fault.
        """
        check_params(self._plan, params_of(params) or {})

    def check_checkpoint(
        self, checkpoints: PipelineCheckpoints | Path | str, params: Params = None, *, allow_new_params: bool = False
    ) -> bool:
        """Look at what a run would take up, without beginning one; tell whether there is anything.

        Raises:
            PipelineChangedError: It is of another pipeline, or of other parameters.
            CheckpointError: It can't be read, or a run is using it.
        """
        return is_to_be_resumed(self._plan, params_of(params), store_of(checkpoints), allow_new_params=allow_new_params)

    def execute(
        self,
        params: Params = None,
        ctx: RuntimeContext | None = None,
        *,
        executor: Executor | None = None,
        progress_callback: Callable[[int, int, str], object] | None = None,
        checkpoints: PipelineCheckpoints | Path | str | None = None,
        allow_new_params: bool = False,
        context: PipelineContext | None = None,
        cancellation: CancellationToken | None = None,
    ) -> Any:
        """Run the pipeline and return what its last action returned; ``run`` says more, and takes the same.

        Raises:
            PipelineParamsError: What it is to begin with is wrong; nothing was run.
            PipelineFailedError: Actions failed.
            WorkCancelledError: It was stopped.
        """
        done = self.run(
            params,
            ctx,
            executor=executor,
            progress_callback=progress_callback,
            checkpoints=checkpoints,
            allow_new_params=allow_new_params,
            context=context,
            cancellation=cancellation,
        )
        done.raise_if_failed()
        return done.result

    def run(
        self,
        params: Params = None,
        ctx: RuntimeContext | None = None,
        *,
        executor: Executor | None = None,
        progress_callback: Callable[[int, int, str], object] | None = None,
        checkpoints: PipelineCheckpoints | Path | str | None = None,
        allow_new_params: bool = False,
        context: PipelineContext | None = None,
        cancellation: CancellationToken | None = None,
        on_progress: Callable[[PipelineProgress], None] | None = None,
    ) -> PipelineRun:
        """Run the pipeline and return what came of it, whatever that is.

        Where ``checkpoints`` hold a run that did not get to its end, that run is taken up: what it has done is not
        done again, and None for ``params`` stands for what it began with.

        Args:
            params: What it is to begin with: parameters by name, for whichever actions have them.
            ctx: Services of the job that this is: settings, events, the tracked run, cancellation.
            executor: What carries the actions; by default they run here, and side by side in threads.
            progress_callback: Called in this thread before each action with how many are done, of how many, and its
                name; at the end with ``(n, n, "complete")``.
            checkpoints: Where it is written down how far the run is, or the path of a file for that.
            allow_new_params: Whether a run is taken up with other parameters than it began with.
            context: Where the run's files are; made from ``ctx`` by default.
            cancellation: Says when the run is to stop, besides that of ``ctx``.
            on_progress: Called after each change with how far the run is, in the thread that made the change.

        Raises:
            PipelineParamsError: What it is to begin with is wrong; nothing was run.
            PipelineChangedError: The run that is to be taken up is of another pipeline, or of other parameters.
            CheckpointError: The checkpoint can't be read or written, or another run is using it.
            BaseException: An interrupt, raised again when what ran has ended; so is what a callback raised.
        """
        return run_plan(
            self._plan,
            params_of(params),
            ctx or RuntimeContext(),
            store_of(checkpoints),
            executor=executor,
            limit=self._limit,
            is_patient=self._is_patient,
            progress_callback=progress_callback,
            allow_new_params=allow_new_params,
            context=context,
            cancellation=cancellation,
            on_progress=on_progress,
        )

    def submit(self, params: Params, executor: PipelineExecutor, **known: Any) -> str:
        """Have the pipeline run elsewhere or in the background; return the id of the run.

        Args:
            params: What it is to begin with.
            executor: What runs it.
            known: What else the executor takes.
        """
        return executor.submit(self, params, **known)

    def wait(self, run_id: str, executor: PipelineExecutor, timeout_s: float | None = None) -> Any:
        """Wait for a run that was submitted, and return what its last action returned.

        Raises:
            PipelineFailedError: Actions failed.
            WorkCancelledError: It was stopped.
            TimeoutError: It has not ended after ``timeout_s`` seconds; it goes on.
        """
        return executor.wait(run_id, timeout_s)


def _with_params(one: PlannedAction, params: Mapping[str, Any]) -> PlannedAction:
    """Return an action with other parameters, whichever of their names they had before."""
    named = [one.field_of(key) for key in params]
    replaced = {each.name for each in named if each is not None}
    kept = {
        key: value for key, value in one.params.items() if (f := one.field_of(key)) is None or f.name not in replaced
    }
    inputs = {key: ref for key, ref in one.inputs.items() if (f := one.field_of(key)) is None or f.name not in replaced}
    return replace(one, params={**kept, **params}, inputs=inputs)
