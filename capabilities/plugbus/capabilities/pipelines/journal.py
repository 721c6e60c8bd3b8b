"""Writing down how far a run is, and taking up one that did not get to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..steps.errors import CheckpointError
from .checkpoint import Checkpoint, PipelineCheckpoint, changes, decoded_result, described, encoded_result, plain_params
from .errors import PipelineChangedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .checkpoint import PipelineCheckpoints
    from .plan import PipelinePlan, PlannedAction


class RunJournal:
    """The record of one run.

    Args:
        store: Where it is kept.
        plan: What is run.
        run_id: The run, where nothing is taken up.
        params: What the run is to begin with; None takes what an earlier process began with.
        allow_new_params: Whether others than those are taken, for what is not done yet.

    Attributes:
        run_id: The run.
        params: What the run begins with.
        results: Action to what it returned, of those that were done.
        skipped: The actions that were skipped.
        is_resumed: Whether there was a checkpoint.

    Raises:
        CheckpointError: The checkpoint can't be read, or the parameters can't be kept.
        PipelineChangedError: It is of another pipeline, or of other parameters; names each change.
    """

    def __init__(
        self,
        store: PipelineCheckpoints,
        plan: PipelinePlan,
        run_id: str,
        params: Mapping[str, Any] | None,
        *,
        allow_new_params: bool,
    ) -> None:
        self._store = store
        self._done: list[Checkpoint] = []
        self._pipeline = plan.name
        self._nodes = described(plan)
        self.run_id = run_id
        self.results: dict[str, Any] = {}
        self.skipped: list[str] = []
        found = store.load()
        self.is_resumed = found is not None
        self._plain = {} if params is None else plain_params(params, str(store))
        self.params: Mapping[str, Any] = params or {}
        if found is not None:
            self._take_up(found, plan, is_new=params is not None, allow_new_params=allow_new_params)

    def begin(self) -> None:
        """Write down that the run begins, and with what."""
        self._write()

    def completed(self, one: PlannedAction, result: Any) -> None:
        """Write down what an action returned.

        Raises:
            CheckpointError: It can't be kept.
            OSError: It can't be written.
        """
        plain = encoded_result(one, result, str(self._store))
        self._done.append(Checkpoint(self.run_id, one.name, plain))
        self._write()

    def skip(self, one: PlannedAction) -> None:
        """Write down that an action was skipped."""
        self._done.append(Checkpoint(self.run_id, one.name, is_skipped=True))
        self._write()

    def close(self) -> None:
        """Forget the run: it is completed."""
        self._store.clear()

    def _take_up(self, found: PipelineCheckpoint, plan: PipelinePlan, *, is_new: bool, allow_new_params: bool) -> None:
        faults = list(changes(found.nodes, self._nodes))
        if found.pipeline != plan.name:
            faults.insert(0, f"it is of pipeline '{found.pipeline}', not '{plan.name}'")
        if is_new and not allow_new_params:
            faults += _param_changes(found.params, self._plain)
        if faults:
            raise PipelineChangedError(str(self._store), tuple(faults))
        for one in found.done:
            if one.is_skipped:
                self.skipped.append(one.action_name)
                continue
            try:
                self.results[one.action_name] = decoded_result(plan.actions[one.action_name], one.result)
            except Exception as error:
                cause = f"the result of action '{one.action_name}' does not fit its model: {error}"
                raise CheckpointError(str(self._store), "read", cause) from error
        for one in found.done:
            left = [need for need in plan.actions[one.action_name].needs if need not in self.done]
            if left:
                cause = f"action '{one.action_name}' is done, and '{left[0]}', which comes before it, is not"
                raise CheckpointError(str(self._store), "read", cause)
        self._done = list(found.done)
        self.run_id = found.run_id
        if not is_new:
            self._plain = dict(found.params)
            self.params = self._plain

    @property
    def done(self) -> tuple[str, ...]:
        """Return the actions that need not be run any more."""
        return (*self.results, *self.skipped)

    def _write(self) -> None:
        self._store.save(PipelineCheckpoint(self._pipeline, self.run_id, self._nodes, self._plain, tuple(self._done)))


def _param_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = [*before, *(name for name in now if name not in before)]
    missing = object()
    return [
        f"parameter '{name}' changed: {_shown(before, name)} before, {_shown(now, name)} now"
        for name in names
        if before.get(name, missing) != now.get(name, missing)
    ]


def _shown(params: Mapping[str, Any], name: str) -> str:
    return repr(params[name]) if name in params else "not given"
