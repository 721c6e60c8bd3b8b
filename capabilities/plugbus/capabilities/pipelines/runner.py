"""Running a pipeline as a tracked run, and taking up one that did not get to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_jsonable_python

from ..backend.client import BACKEND
from ..context import HostServices, RuntimeContext
from ..context.services import find_later
from ..events import encode_value
from ..runs.actions import chosen_executor
from ..runs.runner import RunEngine
from ..runs.spec import RunSpec
from ..runs.tracking import TRACKING
from ..steps.errors import CheckpointError
from ..storage.contract import STORAGE
from .context import PipelineContext
from .tracked import FOLDER, ORIGIN, checkpoints_of, home_of, note_origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugbus.kernel import Kernel

    from ..cancellation import CancellationToken
    from ..runs.context import RunContext
    from ..runs.result import RunResult
    from ..runs.store import RunStore
    from .action_pipeline import ActionPipeline

PLUGIN_KEY: Final = "pipelines"


class PipelineRunner:
    """Run pipelines, each as a tracked run.

    A run that takes up another one is a run of its own, with its own summary; the folders of the pipeline and its
    checkpoint stay in the directory of the first one.

    Args:
        kernel: Where executors, tracking, backend and storage are found.
        store: Where runs are kept.
    """

    def __init__(self, kernel: Kernel, store: RunStore) -> None:
        self._kernel = kernel
        self._store = store

    def run(
        self,
        pipeline: ActionPipeline,
        params: Mapping[str, Any] | None = None,
        *,
        resume: str | None = None,
        allow_new_params: bool = False,
        executor: str | None = None,
        tags: Mapping[str, str] | None = None,
        notes: str | None = None,
        env: Mapping[str, Any] | None = None,
        cancellation: CancellationToken | None = None,
        language: str | None = None,
    ) -> RunResult:
        """Run a pipeline and return what came of it; its outputs have ``result`` and the status of each action.

        Everything that can be wrong before the work is checked first; then no run is made.

        Args:
            pipeline: What to run.
            params: What it is to begin with; None, where a run is taken up, for what that began with.
            resume: The id of a run that is to be taken up.
            allow_new_params: Whether it is taken up with other parameters.
            executor: Id of the plugin whose executor is to carry the actions; the host's preference by default.
            tags: Coarse classification of the run.
            notes: For people.
            env: Settings from outside for the actions.
            cancellation: Says when the run is to stop.
            language: The language of the people that read the messages of its actions.

        Raises:
            PipelineParamsError: What it is to begin with is wrong.
            PipelineChangedError: The run that is to be taken up is of another pipeline, or of other parameters.
            CheckpointError: There is nothing to be taken up, it can't be read, or that run goes on.
            RunNotFoundError: There is no such run.
            ServiceNotFoundError: There is no such executor, or no tracking.
        """
        services = self._kernel.services
        origin = None if resume is None else home_of(self._store, resume)
        if origin is None:
            pipeline.check_params(params)
        else:
            store = checkpoints_of(origin, pipeline.name)
            if not pipeline.check_checkpoint(store, params, allow_new_params=allow_new_params):
                cause = "there is none; the run was completed, or is no run of this pipeline"
                raise CheckpointError(str(store), "resume from", cause)
        chosen = chosen_executor(services, executor)
        client, storage = find_later(services, BACKEND), find_later(services, STORAGE)
        engine = RunEngine(self._store, services.get(TRACKING), self._kernel.bus)
        spec = RunSpec(
            PLUGIN_KEY,
            pipeline.name,
            data_spec=to_jsonable_python(dict(params or {}), fallback=repr),
            tags={**(tags or {}), **({ORIGIN: origin.name} if origin is not None else {})},
            notes=notes,
        )

        def work(spec: RunSpec, /, *, context: RunContext) -> Mapping[str, Any]:
            home = context.artifact_dir if origin is None else origin
            if origin is not None:
                note_origin(context.artifact_dir, origin)
            ctx = RuntimeContext(
                env=env or {},
                job_id=context.run_id,
                client=client,
                publish=self._kernel.bus.publish,
                run=context,
                cancellation=cancellation,
                storage=storage,
                language=language,
                services=HostServices(services, self._kernel.find_by_capability),
            )
            done = pipeline.run(
                params,
                ctx,
                executor=chosen,
                checkpoints=checkpoints_of(home, pipeline.name),
                allow_new_params=allow_new_params,
                context=PipelineContext(pipeline.name, home.name, home / FOLDER),
            )
            done.raise_if_failed()
            statuses = {name: one.status.value for name, one in done.progress.actions.items()}
            return {"result": encode_value(done.result), "actions": statuses, "resumed": list(done.resumed)}

        return engine.run(spec, work)
