"""Running something tracked: one beginning, one end, a summary, whatever happens between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from logging import getLogger
from time import monotonic
from traceback import format_exception
from typing import TYPE_CHECKING, Any, Protocol

from ..context import RuntimeContext
from ..errors import ActionTimeoutError, ResultError, WorkCancelledError
from ..events import MetricsRecorded, RunEnded, RunStarted, encode_value
from .context import RunContext
from .result import RunResult, RunStatus
from .tracking import RunTracking

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugbus.kernel import EventBus

    from .spec import PluginInfo, RunSpec
    from .store import RunDirectory, RunStore
    from .tracking import TrackingBackend

SUMMARY_VERSION = 1


class RunBody(Protocol):
    """The work of a run: ``run(spec, *, context)`` of a plugin, or any callable of that form."""

    def __call__(self, spec: RunSpec, /, *, context: RunContext) -> RunResult | Mapping[str, Any]:
        """Do the work and return its result, or its outputs alone."""
        ...


@dataclass(frozen=True, slots=True)
class RunEngine:
    """Run work tracked.

    1. A directory of its own is made, the tracking client starts the run, ``RunStarted`` is published.
    2. The work runs with a ``RunContext``. Metrics that it publishes are tracked too.
    3. On any outcome ``summary/run_summary.json`` is written, on a failure ``errors/exception.txt``; the files are
       logged as artifacts; the tracking client ends the run, once; ``RunEnded`` is published.

    An exception of the work becomes a result with status ``failed``, a ``WorkCancelledError`` one with status
    ``cancelled``. ``KeyboardInterrupt`` and its like make it ``cancelled`` and are raised again when everything is
    written. Failures of tracking after the work are logged and
    never replace its result; those before it are raised, and the work does not begin.

    Args:
        store: Where runs are kept.
        tracking: Makes the clients.
        bus: Where events go.
    """

    store: RunStore
    tracking: TrackingBackend
    bus: EventBus

    def run(self, spec: RunSpec, body: RunBody, *, plugin: PluginInfo | None = None) -> RunResult:
        """Run ``body`` as ``spec`` says and return what came of it.

        Raises:
            OSError: The run's directory can't be made.
            Exception: Whatever the tracking raises when the run is started; the work has not begun.
        """
        directory = self.store.create(spec.plugin_key, spec.pipeline)
        client = self.tracking.create_client()
        client.start_run(directory.run_id, name=spec.short_name, tags=_tags(spec, plugin), artifact_dir=directory.path)
        tracking = RunTracking(client, directory.run_id)
        logger = RuntimeContext(job_id=directory.run_id, publish=self.bus.publish).logger
        context = RunContext(directory.run_id, spec, tracking, directory.path, logger)
        started, start = datetime.now(UTC), monotonic()
        outcome, interrupt = self._work(body, context)
        result = replace(
            outcome,
            run_id=directory.run_id,
            started_at_utc=started,
            ended_at_utc=datetime.now(UTC),
            duration_s=monotonic() - start,
            artifact_dir=str(directory.path),
        )
        end = RunEnded(directory.run_id, result.status.value, result.duration_s, result.message)
        steps: tuple[tuple[str, Callable[[], object]], ...] = (
            ("write the exception of", lambda: _write_exception(directory, result)),
            ("write the refused result of", lambda: _write_refused_result(directory, result)),
            ("write the summary of", lambda: _write_summary(directory, spec, plugin, result)),
            ("log the artifacts of", lambda: tracking.log_artifacts(directory.path)),
            ("close the tracking of", tracking.close),
            ("end the tracking of", lambda: client.end_run(result.status.value)),
            ("tell the end of", lambda: self.bus.publish(end)),
        )
        for verb, step in steps:
            late = _best_effort(verb, directory.run_id, step)
            interrupt = interrupt or late
        if interrupt is not None:
            raise interrupt
        return result

    def _work(self, body: RunBody, context: RunContext) -> tuple[RunResult, BaseException | None]:
        """Do the work; return what came of it, and the interrupt that is to be raised again, if there was one."""
        spec, run_id = context.spec, context.run_id

        def track(event: MetricsRecorded) -> None:
            if event.job_id == run_id:
                values = event.values
                if event.action is not None:
                    # Branches of a pipeline may measure things of one name at the same time.
                    values = {f"{event.action}/{name}": value for name, value in values.items()}
                context.tracking.log_metrics(values, event.step)

        with self.bus.subscribe(MetricsRecorded, track):
            try:
                self.bus.publish(RunStarted(run_id, spec.plugin_key, spec.pipeline, str(context.artifact_dir)))
                return _as_result(body(spec, context=context)), None
            except WorkCancelledError as error:
                return RunResult(status=RunStatus.CANCELLED, message=_told(error), error=error), None
            except Exception as error:  # noqa: BLE001 - a failed run is a result
                return RunResult(status=RunStatus.FAILED, message=_told(error), error=error), None
            except BaseException as error:  # noqa: BLE001 - raised again when the run is written down
                return RunResult(status=RunStatus.CANCELLED, message=_told(error), error=error), error


def _write_exception(directory: RunDirectory, result: RunResult) -> None:
    if result.status is RunStatus.FAILED and result.error is not None:
        directory.write_exception("".join(format_exception(result.error)))


def _write_refused_result(directory: RunDirectory, result: RunResult) -> None:
    """Keep what an action returned that does not fit its model, or came too late."""
    if isinstance(result.error, ResultError | ActionTimeoutError) and result.error.result is not None:
        directory.write_refused_result(encode_value(result.error.result))


def _write_summary(directory: RunDirectory, spec: RunSpec, plugin: PluginInfo | None, result: RunResult) -> None:
    summary = {
        "schema_version": SUMMARY_VERSION,
        "run_id": result.run_id,
        "status": result.status.value,
        "started_at_utc": _iso(result.started_at_utc),
        "ended_at_utc": _iso(result.ended_at_utc),
        "duration_s": result.duration_s,
        "message": result.message,
        "spec": encode_value(spec),
        "plugin": encode_value(plugin),
        "outputs": encode_value(result.outputs),
    }
    directory.write_summary(summary)


def _tags(spec: RunSpec, plugin: PluginInfo | None) -> dict[str, str]:
    """Return the tags of a run: the user's, and over them those that say what it is."""
    known = {
        "plugin": spec.plugin_key,
        "pipeline": spec.pipeline,
        "run_mode": spec.run_mode,
        "dataset_id": spec.dataset_id,
        "request_id": spec.request_id,
        "seed": spec.seed,
        "plugin_name": plugin.name if plugin else None,
        "plugin_version": plugin.version if plugin else None,
    }
    return {**spec.tags, **{key: str(value) for key, value in known.items() if value is not None and value != ""}}


def _as_result(returned: object) -> RunResult:
    """Return what the work returned as a result; its status may be given as text.

    Raises:
        TypeError: It is none, or its outputs are no mapping.
        ValueError: There is no such status.
    """
    result = RunResult(outputs=returned) if isinstance(returned, Mapping) else returned
    if not isinstance(result, RunResult):
        kind = type(returned).__qualname__
        raise TypeError(f"cannot accept result of run: it is a {kind}, not a RunResult or a mapping")
    if not isinstance(result.outputs, Mapping):
        raise TypeError(f"cannot accept outputs of run: they are a {type(result.outputs).__qualname__}, not a mapping")
    return replace(result, status=RunStatus(result.status))


def _told(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the work's own error may be broken, and the run must end all the same
        text = ""
    return f"{type(error).__qualname__}: {text}" if text else type(error).__qualname__


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds")


def _best_effort(verb: str, run_id: str, step: Callable[[], object]) -> BaseException | None:
    """Do what must not replace the result of the work: a failure is logged, an interrupt returned for later."""
    try:
        step()
    except Exception:
        getLogger(__name__).exception("cannot %s run '%s'", verb, run_id, extra={"run_id": run_id})
    except BaseException as error:  # noqa: BLE001 - raised again when the run is closed
        return error
    return None
