"""One execution of a pipeline: begins what is ready, waits for what runs, and stops what is to be stopped.

One thread, the caller's, decides everything. Others do no more than to run an action and to say what came of it.
"""

from __future__ import annotations

import threading
from contextvars import copy_context
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from ..actions import Action, ActionCall
from ..context import find_messages
from ..context.messages import NO_MESSAGES
from ..errors import WorkCancelledError
from ..events import MetricsRecorded, ProgressFailed, ProgressPlanned, ProgressReported
from .errors import WiringError
from .status import ActionStatus
from .wiring import gathered, resolved

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from plugbus.kernel import Event

    from ..context import MessageCatalogue
    from ..executors import Executor
    from .board import ProgressBoard
    from .journal import RunJournal
    from .plan import PipelinePlan, PlannedAction
    from .surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of an action."""

    name: str
    result: Any = None
    error: BaseException | None = None


class Execution:
    """One execution of a plan.

    Args:
        plan: What is run.
        surroundings: What all actions have in common.
        board: Where progress is kept.
        journal: Where it is written down how far the run is; None where nothing is.

    Attributes:
        results: Action to what it returned.
        failures: Action to what it raised, in the order of their ends.
        cancelled: What ended the run from outside, if something did.
    """

    def __init__(
        self, plan: PipelinePlan, surroundings: Surroundings, board: ProgressBoard, journal: RunJournal | None
    ) -> None:
        self._plan = plan
        self._around = surroundings
        self._board = board
        self._journal = journal
        self.results: dict[str, Any] = {} if journal is None else dict(journal.results)
        self.failures: dict[str, BaseException] = {}
        self.cancelled: WorkCancelledError | None = None
        self._skipped: set[str] = set() if journal is None else set(journal.skipped)
        # What failed, and what was skipped because of that: a resumed run does it again.
        self._lost: set[str] = set()
        self._waiting = [name for name in plan.actions if name not in self.results and name not in self._skipped]
        self._running: dict[str, Future[Any] | None] = {}
        # None is put in to wake the deciding thread up.
        self._outcomes: SimpleQueue[_Outcome | None] = SimpleQueue()

    def go_on(self) -> None:
        """Run what is not done yet.

        Raises:
            BaseException: An interrupt, raised again when what ran has ended.
            Exception: What the callback raised, likewise.
        """
        for name in self._plan.actions:
            if name in self.results:
                self._board.move(name, ActionStatus.COMPLETED, "done by an earlier process")
            elif name in self._skipped:
                self._board.move(name, ActionStatus.SKIPPED, "skipped by an earlier process")
        forget = self._around.token.on_cancel(lambda reason: self._outcomes.put(None))
        try:
            self._go_on()
        except BaseException as error:
            try:
                self._around.token.cancel(f"the run ended with {type(error).__name__}")
                self._drain()
            finally:
                self._abandon("it did not stop in time")
                self._give_up("not begun: the run was stopped")
            raise
        finally:
            forget()

    def _go_on(self) -> None:
        token = self._around.token
        while True:
            self._skip_what_can_not_run()
            while not self._is_stopping and (name := self._next_ready()) is not None:
                self._waiting.remove(name)
                self._begin(self._plan.actions[name])
                self._skip_what_can_not_run()
            if not self._running:
                break
            self._settle_next(self._outcomes.get())
        if self._waiting and self.cancelled is None and not self.failures and token.is_cancelled:
            self.cancelled = WorkCancelledError(f"pipeline '{self._plan.name}'", token.reason or "")
        if self._waiting:
            failed = next(iter(self.failures), None)
            cause = f"action '{failed}' failed" if failed is not None else (token.reason or "the run was stopped")
            self._give_up(f"not begun: {cause}")

    @property
    def _is_stopping(self) -> bool:
        return self._around.token.is_cancelled or (bool(self.failures) and not self._around.is_patient)

    def _next_ready(self) -> str | None:
        """Return the first action that can begin now, None where none can."""
        limit = self._around.limit
        if limit is not None and len(self._running) >= limit:
            return None
        done = self.results.keys() | self._skipped
        return next((name for name in self._waiting if done.issuperset(self._plan.actions[name].needs)), None)

    def _skip_what_can_not_run(self) -> None:
        """Skip actions that get something from one that was skipped, and those behind one that failed."""
        while not self._is_stopping:
            for name in self._waiting:
                one = self._plan.actions[name]
                lost = next((need for need in one.needs if need in self._lost), None)
                if lost is not None:
                    self._lost.add(name)
                    self._skip(one, f"action '{lost}' {self._board.status_of(lost)}", is_kept=False)
                    break
                lost = next((need for need in one.needs if need in self._skipped and need in one.wired), None)
                if lost is not None:
                    self._skip(one, f"action '{lost}' was skipped", is_kept=True)
                    break
            else:
                return

    def _skip(self, one: PlannedAction, message: str, *, is_kept: bool) -> None:
        if one.name in self._waiting:
            self._waiting.remove(one.name)
        self._skipped.add(one.name)
        if is_kept and self._journal is not None:
            self._journal.skip(one)
        self._board.move(one.name, ActionStatus.SKIPPED, message)

    def _begin(self, one: PlannedAction) -> None:
        """Begin an action, or skip it where its condition does not hold."""
        around, name = self._around, one.name
        try:
            if one.when is not None:
                try:
                    holds = bool(resolved(one.when, around.params, self.results))
                except LookupError as error:
                    raise WiringError(name, (("when", str(error.args[0])),)) from error
                if not holds:
                    self._skip(one, f"{one.when} does not hold", is_kept=True)
                    return
            values = gathered(one, self._plan, around.params, self.results)
        except WiringError as error:
            self._running[name] = None
            self._settle(_Outcome(name, error=error))
            return
        if around.progress_callback is not None:
            try:
                around.progress_callback(len(self.results) + len(self._skipped), len(self._plan.actions), name)
            except BaseException:
                self._waiting.insert(0, name)
                raise
        self._board.move(name, ActionStatus.RUNNING)
        call = ActionCall(
            one.action_cls,
            values,
            one.label,
            around.job_id,
            env=around.env,
            run=around.run,
            cancellation=around.token,
            client=around.client,
            storage=around.storage,
            checkpoint=around.checkpoint,
            language=around.language,
            messages=_messages_of(one, around),
            services=around.services,
            autologs=around.autologs,
            pipeline=around.context,
        )
        self._carry(name, call)

    def _carry(self, name: str, call: ActionCall) -> None:
        """Have an action run: here where nothing else could run meanwhile, else elsewhere."""
        executor = self._around.executor
        publish = self._publisher(name)
        is_inline = executor is None or executor.traits.is_inline
        if is_inline and not self._running and (self._around.limit == 1 or self._next_ready() is None):
            self._running[name] = None
            self._settle(_attempted(name, call, executor, publish))
            return
        self._running[name] = None
        if executor is None or is_inline:
            context = copy_context()

            def work() -> None:
                self._outcomes.put(_attempted(name, call, executor, publish))

            # No thread of the caller's waits for it when an interrupt comes twice.
            threading.Thread(target=context.run, args=(work,), name=f"pipeline-{name}", daemon=True).start()
            return
        try:
            future = executor.submit(call, publish)
        except Exception as error:  # noqa: BLE001 - an executor that refuses a call makes its action fail
            self._settle(_Outcome(name, error=error))
            return
        self._running[name] = future
        future.add_done_callback(lambda done: self._outcomes.put(_outcome_of(name, done)))

    def _publisher(self, name: str) -> Callable[[Event], None]:
        """Return where an action publishes: categories get its name before them, as several may run at once."""
        board, publish = self._board, self._around.publish

        def hear(event: Event) -> None:
            board.hear(name, event)
            publish(_placed(name, event))

        return hear

    def _settle_next(self, outcome: _Outcome | None) -> None:
        """Note what came of what runs; or, when the run is to stop, take back what has not begun."""
        if outcome is not None:
            self._settle(outcome)
        elif self._around.token.is_cancelled:
            self._take_back()

    def _settle(self, outcome: _Outcome) -> None:
        """Note what came of an action."""
        name, error = outcome.name, outcome.error
        del self._running[name]
        if error is None:
            self.results[name] = outcome.result
            try:
                if self._journal is not None:
                    self._journal.completed(self._plan.actions[name], outcome.result)
            except Exception as fault:  # noqa: BLE001 - what can't be kept would be lost at a resume
                del self.results[name]
                error = fault
            else:
                self._board.move(name, ActionStatus.COMPLETED)
                return
        if isinstance(error, WorkCancelledError):
            self._board.move(name, ActionStatus.CANCELLED, error.reason, _told(error))
            if not self.failures and self.cancelled is None:
                self.cancelled = error
                self._around.token.cancel(error.reason)
            return
        if not isinstance(error, Exception):
            self._board.move(name, ActionStatus.CANCELLED, "it was interrupted", _told(error))
            raise error
        self.failures[name] = error
        self._lost.add(name)
        self._board.move(name, ActionStatus.FAILED, _told(error), _told(error))
        if not self._around.is_patient:
            self._around.token.cancel(f"action '{name}' failed")

    def _take_back(self) -> None:
        """Cancel what was handed over to the executor and has not begun."""
        for future in list(self._running.values()):
            if future is not None:
                future.cancel()

    def _drain(self) -> None:
        """Wait for what still runs; a second interrupt ends the waiting, at whatever place it comes."""
        while self._running:
            outcome = self._outcomes.get()
            try:
                self._settle_next(outcome)
            except Exception:  # noqa: BLE001, S112 - the first one is raised when all have ended
                continue
            except BaseException as error:
                if outcome is None or error is not outcome.error:
                    raise

    def _abandon(self, message: str) -> None:
        """Note of all that runs on that nobody waits for it."""
        for name in self._plan.actions:
            if self._board.status_of(name) is ActionStatus.RUNNING:
                self._board.move(name, ActionStatus.CANCELLED, message)

    def _give_up(self, message: str) -> None:
        """Note of all that was not begun that it will not be."""
        while self._waiting:
            self._board.move(self._waiting.pop(0), ActionStatus.CANCELLED, message)


def _messages_of(one: PlannedAction, around: Surroundings) -> MessageCatalogue:
    """Return the messages of the plugin that offers an action, and over them those of the run."""
    locator = around.services.locator
    if locator is None:
        return around.messages
    # By the name where a host offers the action itself.
    owners = [one.label.rpartition(".")[0] or one.label]
    owners += [offer.owner for offer in locator.providers(Action(one.label)) if offer.provided is one.action_cls]
    found = NO_MESSAGES.merge(*(find_messages(locator, owner) for owner in owners))
    return found.merge(around.messages) if found else around.messages


def _placed(name: str, event: Event) -> Event:
    """Return what an action tells of itself as the run tells it."""
    if isinstance(event, ProgressReported | ProgressFailed):
        return replace(event, category=f"{name}.{event.category}" if event.category else name)
    if isinstance(event, MetricsRecorded):
        # A pipeline inside an action of another one: its action is a part of that.
        category = f"{name}.{event.category}" if event.category else name
        return replace(event, category=category, action=f"{name}/{event.action}" if event.action else name)
    if isinstance(event, ProgressPlanned):
        weights = {f"{name}.{category}": weight for category, weight in event.weights.items()}
        return replace(event, weights=weights, done=tuple(f"{name}.{category}" for category in event.done))
    return event


def _attempted(name: str, call: ActionCall, executor: Executor | None, publish: Callable[[Event], None]) -> _Outcome:
    """Run an action in this thread."""
    try:
        result = call.run_here(publish) if executor is None else executor.submit(call, publish).result()
    except BaseException as error:  # noqa: BLE001 - it is settled in the thread that decides
        return _Outcome(name, error=error)
    return _Outcome(name, result)


def _outcome_of(name: str, done: Future[Any]) -> _Outcome:
    if done.cancelled():
        return _Outcome(name, error=WorkCancelledError(f"action '{name}'", "it had not begun when the run was stopped"))
    error = done.exception()
    return _Outcome(name, error=error) if error is not None else _Outcome(name, done.result())


def _told(error: BaseException) -> str:
    from ..steps.settling import told

    return told(error)
