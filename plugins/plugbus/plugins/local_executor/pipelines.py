"""Running pipelines in the background of this process."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugbus.capabilities import (
    CancellationToken,
    JsonPipelineCheckpoints,
    PipelineContext,
    PipelineExecutor,
    PipelineProgress,
    PipelineRunNotFoundError,
    PipelineStatus,
    RuntimeContext,
)

from .defaults import discard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel

    from plugbus.capabilities import ActionPipeline, Executor, PipelineRun
    from plugbus.kernel import Event


@dataclass(slots=True)
class _Run:
    """One run.

    Args:
        context: Where its files are.
        progress: How far it is.
        token: Stops it.
        future: What comes of it.
        thread: What runs it.
    """

    context: PipelineContext
    progress: PipelineProgress
    token: CancellationToken = field(default_factory=CancellationToken)
    future: Future[PipelineRun] = field(default_factory=Future)
    thread: threading.Thread | None = None


class LocalPipelineExecutor(PipelineExecutor):
    """Run each pipeline in a thread of its own, and its actions on an executor.

    Runs are kept, with what came of them, until the executor is. Their checkpoints are in the folder of the run,
    so that one that failed, was cancelled, or ended with the process can be taken up by its id.

    Args:
        executor: What carries the actions; threads of this process by default.
        base_path: Where runs keep their files; ``pipelines`` in the artifact root by default.
        env: Settings from outside for all actions.
        publish: Where events go; called from several threads.
    """

    def __init__(
        self,
        executor: Executor | None = None,
        *,
        base_path: Path | str | None = None,
        env: Mapping[str, Any] | None = None,
        publish: Callable[[Event], None] | None = None,
    ) -> None:
        self._executor = executor
        self._base_path = None if base_path is None else Path(base_path)
        self._env = dict(env or {})
        self._publish = publish or discard
        self._lock = threading.Lock()
        self._runs: dict[str, _Run] = {}
        self._is_shut_down = False

    def submit(
        self,
        pipeline: ActionPipeline,
        params: Mapping[str, Any] | BaseModel | None = None,
        *,
        resume_from: str | None = None,
    ) -> str:
        """Begin a run in a thread of its own and return its id.

        Raises:
            PipelineParamsError: The parameters are wrong; no run was begun.
            PipelineRunNotFoundError: There is no run to be taken up.
            RuntimeError: The executor was shut down, or that run goes on.
        """
        context = self._context(pipeline.name, resume_from)
        store = JsonPipelineCheckpoints(context.base_path / pipeline.name / context.run_id / "pipeline.json")
        if resume_from is None:
            pipeline.check_params(params)
        elif not store.path.exists():
            raise PipelineRunNotFoundError(resume_from, self._near(resume_from))
        pending = PipelineProgress(context.run_id, pipeline=pipeline.name)
        run = _Run(context, pending)
        run.thread = threading.Thread(
            target=self._work, args=(pipeline, params, run, store), name=f"pipeline-{context.run_id}", daemon=True
        )
        with self._lock:
            if self._is_shut_down:
                raise RuntimeError(f"cannot run pipeline '{pipeline.name}': the executor is shut down")
            present = self._runs.get(context.run_id)
            if present is not None and not present.future.done():
                raise RuntimeError(f"cannot take up run '{context.run_id}': it goes on")
            self._runs[context.run_id] = run
        run.thread.start()
        return context.run_id

    def get_progress(self, run_id: str) -> PipelineProgress:
        """Return how far a run is.

        Raises:
            PipelineRunNotFoundError: There is no such run.
        """
        return self._run(run_id).progress

    def get_result(self, run_id: str, timeout_s: float | None = None) -> PipelineRun:
        """Wait for a run to end, and return what came of it.

        Raises:
            PipelineRunNotFoundError: There is no such run.
            TimeoutError: It has not ended in time; it goes on.
        """
        try:
            return self._run(run_id).future.result(timeout_s)
        except TimeoutError:
            if self._run(run_id).future.done():
                raise
            raise TimeoutError(f"cannot wait for run '{run_id}': it goes on after {timeout_s:g} s") from None

    def cancel(self, run_id: str, reason: str = "it was asked to stop") -> None:
        """Ask a run to stop; does nothing where it has ended.

        Raises:
            PipelineRunNotFoundError: There is no such run.
        """
        self._run(run_id).token.cancel(reason)

    def shutdown(self, *, wait: bool = True) -> None:
        """Refuse further runs and ask those that go on to stop."""
        with self._lock:
            self._is_shut_down = True
            runs = tuple(self._runs.values())
        for run in runs:
            run.token.cancel("the executor is shut down")
        if wait:
            for run in runs:
                if run.thread is not None:
                    run.thread.join()

    def _work(
        self,
        pipeline: ActionPipeline,
        params: Mapping[str, Any] | BaseModel | None,
        run: _Run,
        store: JsonPipelineCheckpoints,
    ) -> None:
        def keep(progress: PipelineProgress) -> None:
            # The end is told when the result is there.
            if not progress.status.is_final:
                run.progress = progress

        ctx = RuntimeContext(env=self._env, job_id=run.context.run_id, publish=self._publish)
        try:
            done = pipeline.run(
                params,
                ctx,
                executor=self._executor,
                checkpoints=store,
                context=run.context,
                cancellation=run.token,
                on_progress=keep,
            )
        except BaseException as error:  # noqa: BLE001 - it is the outcome of the run
            run.progress = PipelineProgress(
                run.context.run_id, PipelineStatus.FAILED, run.progress.actions, pipeline.name, error=str(error)
            )
            run.future.set_exception(error)
        else:
            run.progress = done.progress
            run.future.set_result(done)

    def _context(self, pipeline: str, run_id: str | None) -> PipelineContext:
        known: dict[str, Any] = {} if run_id is None else {"run_id": run_id}
        try:
            if self._base_path is not None:
                return PipelineContext(pipeline, base_path=self._base_path, **known)
            return PipelineContext(pipeline, **known)
        except ValueError as error:
            raise PipelineRunNotFoundError(run_id or "") from error

    def _run(self, run_id: str) -> _Run:
        with self._lock:
            found = self._runs.get(run_id)
        if found is None:
            raise PipelineRunNotFoundError(run_id, self._near(run_id))
        return found

    def _near(self, run_id: str) -> tuple[str, ...]:
        with self._lock:
            return tuple(get_close_matches(run_id, self._runs, n=3))
