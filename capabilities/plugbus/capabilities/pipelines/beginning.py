"""The begin of a run: what it begins with, where its files are, and what it takes up."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from pydantic import BaseModel

from ..cancellation import CancellationToken
from .checkpoint_file import JsonPipelineCheckpoints
from .context import PipelineContext, new_run_id
from .journal import RunJournal
from .running import carry_out
from .surroundings import Surroundings
from .wiring import check_params

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..context import RuntimeContext
    from ..executors import Executor
    from .checkpoint import PipelineCheckpoints
    from .plan import PipelinePlan
    from .progress import PipelineProgress
    from .run import PipelineRun


def run_plan(
    plan: PipelinePlan,
    params: Mapping[str, Any] | None,
    job: RuntimeContext,
    store: PipelineCheckpoints | None,
    *,
    executor: Executor | None,
    limit: int | None,
    is_patient: bool,
    progress_callback: Callable[[int, int, str], object] | None,
    allow_new_params: bool,
    context: PipelineContext | None,
    cancellation: CancellationToken | None,
    on_progress: Callable[[PipelineProgress], None] | None,
) -> PipelineRun:
    """Run a plan, or take up what its checkpoints hold, and return what came of it.

    Args:
        plan: What is run.
        params: What it is to begin with; None, where a run is taken up, for what that began with.
        job: Services of the job that this is.
        store: Where it is written down how far the run is; nobody else may use it meanwhile.
        executor: What carries the actions; None for here.
        limit: How many actions may run at once; None for no limit.
        is_patient: Whether other branches go on when an action fails.
        progress_callback: Called before each action.
        allow_new_params: Whether a run is taken up with other parameters than it began with.
        context: Where the run's files are; None for what the job says.
        cancellation: Says when the run is to stop, besides that of the job.
        on_progress: Called after each change with how far the run is.

    Raises:
        PipelineParamsError: What it is to begin with is wrong; nothing was run.
        PipelineChangedError: The run that is to be taken up is of another pipeline, or of other parameters.
        CheckpointError: The checkpoint can't be read or written, or another run is using it.
        BaseException: As ``carry_out`` does.
    """
    run_id = context.run_id if context is not None else _run_id_of(job)

    def opened() -> tuple[RunJournal | None, Mapping[str, Any]]:
        journal = None if store is None else RunJournal(store, plan, run_id, params, allow_new_params=allow_new_params)
        begun_with = dict(params or {}) if journal is None else dict(journal.params)
        check_params(plan, begun_with)
        return journal, begun_with

    journal, begun_with = opened()
    with nullcontext() if store is None else store.hold():
        if store is not None:
            # A run may have ended since. It is not held before: what is refused is to leave no folder behind.
            journal, begun_with = opened()
        run_id = run_id if journal is None else journal.run_id
        around = Surroundings.of(
            job,
            begun_with,
            run_id,
            context or _context_of(plan.name, run_id, job),
            CancellationToken(),
            executor=executor,
            limit=limit,
            is_patient=is_patient,
            progress_callback=progress_callback,
        )
        stops = [one for one in (cancellation, job.cancellation) if one is not None]
        return carry_out(plan, around, run_id, journal, stops, on_progress)


def is_to_be_resumed(
    plan: PipelinePlan, params: Mapping[str, Any] | None, store: PipelineCheckpoints, *, allow_new_params: bool
) -> bool:
    """Tell whether a run would take something up.

    Raises:
        PipelineChangedError: It is of another pipeline, or of other parameters.
        CheckpointError: It can't be read, or a run is using it.
    """
    is_there = RunJournal(store, plan, "", params, allow_new_params=allow_new_params).is_resumed
    if is_there:
        with store.hold():
            pass
    return is_there


def params_of(params: Mapping[str, Any] | BaseModel | None) -> dict[str, Any] | None:
    """Return parameters by name."""
    if isinstance(params, BaseModel):
        return {name: getattr(params, name) for name in type(params).model_fields} | (params.model_extra or {})
    return None if params is None else dict(params)


@overload
def store_of(checkpoints: PipelineCheckpoints | Path | str) -> PipelineCheckpoints: ...
@overload
def store_of(checkpoints: PipelineCheckpoints | Path | str | None) -> PipelineCheckpoints | None: ...
def store_of(checkpoints: PipelineCheckpoints | Path | str | None) -> PipelineCheckpoints | None:
    """Return what keeps checkpoints; a path is a file of them."""
    return JsonPipelineCheckpoints(checkpoints) if isinstance(checkpoints, str | Path) else checkpoints


def _run_id_of(ctx: RuntimeContext) -> str:
    return ctx.run.run_id if ctx.run is not None else new_run_id()


def _context_of(pipeline: str, run_id: str, ctx: RuntimeContext) -> PipelineContext:
    """Return where a run's files are: in the directory of the tracked run, where there is one."""
    if ctx.pipeline is not None:
        # A pipeline inside an action of another one.
        return PipelineContext(
            pipeline, run_id, ctx.pipeline.base_path / ctx.pipeline.pipeline_id / ctx.pipeline.run_id
        )
    if ctx.run is not None:
        return PipelineContext(pipeline, run_id, ctx.run.artifact_dir / "pipelines")
    return PipelineContext(pipeline, run_id)
