"""Writing down how far an execution is, and taking up one that did not get to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .checkpoint import RecordedFailure, StepCheckpoint
from .errors import CheckpointError, StepsChangedError
from .settling import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .checkpoint import CheckpointStore
    from .context import BaseStepContext
    from .plan import StepPlan
    from .result import StepResult
    from .step import BaseStep


class Journal:
    """The record of one execution.

    Args:
        store: Where it is kept.
        plan: The steps.
        context: Their state.
    """

    def __init__(self, store: CheckpointStore, plan: StepPlan, context: BaseStepContext) -> None:
        self._store = store
        self._plan = plan
        self._context = context
        self._state: Mapping[str, Any] = {}
        self._failure: RecordedFailure | None = None

    @property
    def failure(self) -> RecordedFailure | None:
        """Return why the execution is being rolled back; None while it goes on."""
        return self._failure

    def resume(self) -> list[tuple[BaseStep[Any], str, StepResult]]:
        """Return the steps that are done, and give the context its state back; nothing where all begins anew.

        Raises:
            CheckpointError: The checkpoint can't be read, or the context refuses its state.
            StepsChangedError: It is of other steps.
        """
        found = self._store.load()
        if found is None:
            return []
        changes = tuple(_changes(found.steps, self._plan.names))
        if changes:
            raise StepsChangedError(str(self._store), changes)
        if len(found.results) > len(found.steps):
            raise CheckpointError(str(self._store), "read", "it has more results than steps")
        try:
            self._context.restore_state(found.state)
        except Exception as error:
            raise CheckpointError(str(self._store), "resume from", told(error)) from error
        self._state, self._failure = found.state, found.failure
        self._context.step_results.extend(found.results)
        rows = zip(self._plan.rows, found.results, strict=False)
        return [(step, name, result) for (step, name, _), result in rows]

    def write(self, done: Sequence[tuple[BaseStep[Any], str, StepResult]]) -> None:
        """Write down which steps are done, and the state of the context.

        Raises:
            Exception: Whatever the store raises, and, while the execution goes on, the context.
        """
        try:
            self._state = self._context.save_state()
        except Exception:
            # While steps are undone, that this goes on has to be known, be it with the state of before.
            if self._failure is None:
                raise
        results = tuple(result for _, _, result in done)
        self._store.save(StepCheckpoint(self._plan.names, results, self._state, self._failure))

    def turn_back(self, failure: RecordedFailure, done: Sequence[tuple[BaseStep[Any], str, StepResult]]) -> None:
        """Write down that the steps that are done are being undone from now on, and why."""
        self._failure = failure
        if done:
            self.write(done)

    def close(self) -> None:
        """Forget the execution: it came to its end."""
        self._store.clear()


def _changes(before: Sequence[str], now: Sequence[str]) -> Iterator[str]:
    if tuple(before) == tuple(now):
        return
    gone, new = [one for one in before if one not in now], [one for one in now if one not in before]
    if gone:
        yield f"{_listed(gone)} gone"
    if new:
        yield f"{_listed(new)} new"
    kept, now_kept = [one for one in before if one in now], [one for one in now if one in before]
    place = next((place for place, pair in enumerate(zip(kept, now_kept, strict=True)) if pair[0] != pair[1]), None)
    if place is not None:
        yield f"step '{now_kept[place]}' comes where '{kept[place]}' came"


def _listed(names: Sequence[str]) -> str:
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"step {quoted} is" if len(names) == 1 else f"steps {quoted} are"
