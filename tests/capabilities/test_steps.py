"""Executing steps: order, skipping, progress, failure and rollback."""

from __future__ import annotations

import gc
import pickle
import sys
import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import (
    AsyncStepError,
    BaseStep,
    BaseStepContext,
    Orchestrator,
    StepFailedError,
    StepRegistry,
    StepResult,
    StepResultError,
    StepRollbackError,
    StepsRunningError,
)
from plugbus.kernel.testing import Gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


@dataclass
class Ctx(BaseStepContext):
    """What the steps did, in order."""

    did: list[str] = field(default_factory=list)


class Do(BaseStep[Ctx]):
    """A step that notes what is asked of it; ``acts`` is called in place of what it would do."""

    def __init__(self, name: str, weight: float = 1.0, **acts: Callable[[Ctx], Any]) -> None:
        self._name = name
        self._weight = weight
        self._acts = acts

    @property
    def name(self) -> str:
        return self._name

    @property
    def progress_weight(self) -> float:
        return self._weight

    def can_skip(self, context: Ctx) -> bool:
        return bool(self._act("can_skip", context))

    def execute(self, context: Ctx) -> StepResult:
        context.did.append(self._name)
        if "execute" not in self._acts:
            return StepResult(rollback_data={"of": self._name})
        returned: StepResult = self._acts["execute"](context)
        return returned

    def rollback(self, context: Ctx, result: StepResult) -> None:
        context.did.append(f"-{result.rollback_data.get('of', '?')}")
        self._act("rollback", context)

    def _act(self, what: str, context: Ctx) -> Any:
        return self._acts[what](context) if what in self._acts else None


def raising(error: BaseException) -> Callable[[Ctx], Any]:
    def act(context: Ctx) -> Any:
        raise error

    return act


def returning(value: object) -> Callable[[Ctx], Any]:
    return lambda _: value


def made(*steps: Do, **options: Any) -> tuple[Orchestrator[Ctx], Ctx]:
    context = Ctx()
    return Orchestrator(StepRegistry[Ctx](steps), context, **options), context


class TestExecution:
    def test_steps_are_executed_in_order(self) -> None:
        orchestrator, context = made(Do("a"), Do("b"), Do("c"))
        assert orchestrator.execute() == {"success": True, "steps_executed": 3, "steps_total": 3}
        assert context.did == ["a", "b", "c"]
        assert [one.rollback_data["of"] for one in context.step_results] == ["a", "b", "c"]
        assert orchestrator.context is context

    def test_no_steps_succeed(self) -> None:
        orchestrator, context = made()
        assert orchestrator.execute() == {"success": True, "steps_executed": 0, "steps_total": 0}
        assert context.step_results == []

    def test_a_step_knows_which_it_is_and_nothing_is_current_afterwards(self) -> None:
        seen: list[tuple[str | None, int | None]] = []

        def look(context: Ctx) -> StepResult:
            seen.append((context.current_step, context.current_step_order))
            return StepResult()

        orchestrator, context = made(Do("a", execute=look), Do("b", can_skip=look), Do("c", execute=look))
        orchestrator.execute()
        assert seen == [("a", 1), ("b", 2), ("c", 3)]
        assert (context.current_step, context.current_step_order) == (None, None)

    def test_a_step_that_has_nothing_to_do_is_skipped(self) -> None:
        orchestrator, context = made(Do("a"), Do("b", can_skip=returning(True)), Do("c"))
        assert orchestrator.execute() == {"success": True, "steps_executed": 2, "steps_total": 3}
        assert context.did == ["a", "c"]
        assert [one.skipped for one in context.step_results] == [False, True, False]

    def test_a_step_that_says_it_skipped_itself_counts_as_skipped_and_is_not_rolled_back(self) -> None:
        orchestrator, context = made(Do("a", execute=returning(StepResult(skipped=True))), Do("b"))
        assert orchestrator.execute()["steps_executed"] == 1
        orchestrator, context = made(
            Do("a", execute=returning(StepResult(skipped=True))), Do("b", execute=raising(ValueError()))
        )
        with pytest.raises(StepFailedError):
            orchestrator.execute()
        assert context.did == ["a", "b"]

    def test_before_step_is_called_with_the_name_and_the_context_before_can_skip(self) -> None:
        def before(name: str, context: Ctx) -> None:
            context.did.append(f"before {name}")

        def ask(context: Ctx) -> bool:
            context.did.append("ask")
            return True

        orchestrator, context = made(Do("a", can_skip=ask), Do("b"), before_step=before)
        orchestrator.execute()
        assert context.did == ["before a", "ask", "before b", "b"]

    def test_changes_of_the_registry_reach_the_next_execution_and_not_this_one(self) -> None:
        registry = StepRegistry[Ctx]()

        def change(context: Ctx) -> StepResult:
            if "late" not in registry:
                registry.register(Do("late"))
                registry.unregister("b")
            return StepResult()

        for step in (Do("a", execute=change), Do("b")):
            registry.register(step)
        context = Ctx()
        orchestrator = Orchestrator(registry, context)
        assert orchestrator.execute()["steps_total"] == 2
        assert context.did == ["a", "b"]
        orchestrator.execute()
        assert context.did == ["a", "b", "a", "late"]

    def test_it_can_be_executed_again_after_success_and_failure(self) -> None:
        faults: list[Exception] = [ValueError("once")]

        def act(context: Ctx) -> StepResult:
            if faults:
                raise faults.pop()
            return StepResult()

        orchestrator, context = made(Do("a"), Do("b", execute=act))
        with pytest.raises(StepFailedError):
            orchestrator.execute()
        assert context.did == ["a", "b", "-a"]
        context.errors.append("kept")
        for _ in range(2):
            context.did.clear()
            assert orchestrator.execute()["steps_executed"] == 2
            assert context.did == ["a", "b"]
            assert len(context.step_results) == 2
        assert context.errors == ["kept"]

    def test_it_refuses_to_be_executed_while_it_is(self) -> None:
        caught: list[StepsRunningError] = []

        def again(context: Ctx) -> StepResult:
            with pytest.raises(StepsRunningError, match="executing them at step 'a'") as refused:
                orchestrator.execute()
            caught.append(refused.value)
            return StepResult()

        orchestrator, context = made(Do("a", execute=again), Do("b"))
        assert orchestrator.execute()["steps_executed"] == 2
        assert context.did == ["a", "b"]
        assert len(caught) == 1

    def test_it_refuses_another_thread_while_it_is_executed(self) -> None:
        gate = Gate()

        def wait(context: Ctx) -> StepResult:
            gate()
            return StepResult()

        orchestrator, _ = made(Do("a", execute=wait))
        thread = threading.Thread(target=orchestrator.execute)
        thread.start()
        try:
            gate.await_arrival()
            with pytest.raises(StepsRunningError):
                orchestrator.execute()
        finally:
            gate.open()
            thread.join()
        assert orchestrator.execute()["success"]

    def test_a_result_may_be_of_a_subclass(self) -> None:
        class Special(StepResult):
            pass

        special = Special()
        orchestrator, context = made(Do("a", execute=returning(special)))
        orchestrator.execute()
        assert context.step_results == [special]
        assert context.step_results[0] is special

    def test_a_result_says_when_it_was_made_in_utc(self) -> None:
        before = datetime.now(UTC)
        assert before <= StepResult().timestamp <= datetime.now(UTC)


class TestProgress:
    @staticmethod
    def reported(*weights: float, skip: int | None = None) -> list[int]:
        seen: list[tuple[int, int]] = []
        steps = [Do(f"s{place}", weight, can_skip=returning(place == skip)) for place, weight in enumerate(weights)]
        orchestrator, _ = made(*steps, progress_callback=lambda current, total: seen.append((current, total)))
        orchestrator.execute()
        assert all(total == 100 for _, total in seen)
        return [current for current, _ in seen]

    def test_counts_weights_in_whole_percent(self) -> None:
        assert self.reported(0.1, 0.8, 0.1) == [10, 90, 100]

    def test_counts_what_is_skipped(self) -> None:
        assert self.reported(0.1, 0.8, 0.1, skip=1) == [10, 90, 100]

    @pytest.mark.parametrize(
        "weights", [(1, 8, 1), (0.01, 0.08, 0.01), (2e307, 16e307, 2e307), (1e-320, 8e-320, 1e-320)]
    )
    def test_counts_weights_by_their_shares(self, weights: tuple[float, ...]) -> None:
        assert self.reported(*weights) == [10, 90, 100]

    def test_counts_steps_alike_where_no_step_has_weight(self) -> None:
        assert self.reported(0, 0, 0, 0) == [25, 50, 75, 100]

    def test_reaches_100_at_the_last_step_that_has_weight(self) -> None:
        assert self.reported(0, 1, 0) == [0, 100, 100]

    def test_loses_no_percent_to_the_sums_of_floats(self) -> None:
        # 0.1 + 0.1 + 0.1 is 0.30000000000000004, and 0.7 + 0.1 + 0.1 + 0.1 is 0.9999999999999999.
        assert self.reported(*[0.1] * 10) == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
        assert self.reported(0.29, 0.71) == [29, 100]

    def test_is_not_reported_for_a_step_that_fails(self) -> None:
        seen: list[int] = []
        orchestrator, _ = made(
            Do("a"), Do("b", execute=raising(ValueError())), progress_callback=lambda one, _: seen.append(one)
        )
        with pytest.raises(StepFailedError):
            orchestrator.execute()
        assert seen == [50]


class TestFailure:
    def test_an_exception_rolls_back_what_succeeded_in_reverse_and_not_the_step_itself(self) -> None:
        cause = ValueError("no disk")
        orchestrator, context = made(Do("a"), Do("b"), Do("c", execute=raising(cause)), Do("d"))
        with pytest.raises(StepFailedError) as caught:
            orchestrator.execute()
        assert context.did == ["a", "b", "c", "-b", "-a"]
        assert str(caught.value) == "Step 'c' failed: no disk"
        assert caught.value.__cause__ is cause
        assert (caught.value.step, caught.value.cause, caught.value.phase) == ("c", "no disk", "execute")
        assert caught.value.rollback_failures == ()
        assert isinstance(caught.value, RuntimeError)
        assert [one.success for one in context.step_results] == [True, True, False]
        assert context.step_results[-1].error == "no disk"
        assert context.current_step is None

    def test_a_result_without_success_fails_without_a_cause(self) -> None:
        failed = StepResult(success=False, error="Missing files: ['x']")
        orchestrator, context = made(Do("a"), Do("b", execute=returning(failed)))
        with pytest.raises(StepFailedError) as caught:
            orchestrator.execute()
        assert str(caught.value) == "Step 'b' failed: Missing files: ['x']"
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        assert context.did == ["a", "b", "-a"]
        assert context.step_results[-1] is failed

    def test_a_result_without_success_or_reason_says_so(self) -> None:
        orchestrator, _ = made(Do("a", execute=returning(StepResult(success=False))))
        with pytest.raises(StepFailedError, match=r"^Step 'a' failed: it gave no reason$"):
            orchestrator.execute()

    def test_an_exception_without_text_is_named_by_its_class(self) -> None:
        orchestrator, _ = made(Do("a", execute=raising(TimeoutError())))
        with pytest.raises(StepFailedError, match=r"^Step 'a' failed: TimeoutError$"):
            orchestrator.execute()

    def test_an_exception_with_broken_text_does_not_stop_the_rollback(self) -> None:
        class BrokenError(Exception):
            def __str__(self) -> str:
                raise ValueError

        orchestrator, context = made(Do("a"), Do("b", execute=raising(BrokenError())))
        with pytest.raises(StepFailedError, match="BrokenError"):
            orchestrator.execute()
        assert context.did == ["a", "b", "-a"]

    @pytest.mark.parametrize(
        ("value", "told"),
        [(None, "None"), (True, "a bool"), ({"success": True}, "a dict"), (StepResult, "a type")],
    )
    def test_what_is_no_result_is_a_failure_that_names_it(self, value: object, told: str) -> None:
        orchestrator, context = made(Do("a"), Do("b", execute=returning(value)))
        with pytest.raises(StepFailedError) as caught:
            orchestrator.execute()
        assert isinstance(caught.value.__cause__, StepResultError)
        assert f"it returned {told}; return a StepResult" in str(caught.value)
        assert context.did == ["a", "b", "-a"]

    @pytest.mark.parametrize(
        ("phase", "options", "done"),
        [
            ("can_skip", {}, ["a", "-a"]),
            ("before_step", {"before_step": lambda name, _: 1 / (name != "b")}, ["a", "-a"]),
            ("progress_callback", {"progress_callback": lambda now, _: 1 / (now != 100)}, ["a", "b", "-b", "-a"]),
        ],
    )
    def test_an_exception_around_a_step_rolls_back_and_says_where(
        self, phase: str, options: dict[str, Any], done: list[str]
    ) -> None:
        acts: dict[str, Any] = (
            {"can_skip": raising(ZeroDivisionError("division by zero"))} if phase == "can_skip" else {}
        )
        orchestrator, context = made(Do("a"), Do("b", **acts), **options)
        with pytest.raises(StepFailedError, match=f"^Step 'b' failed in {phase}: division by zero$") as caught:
            orchestrator.execute()
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert caught.value.phase == phase
        assert context.did == done

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, BaseException])
    def test_an_interrupt_rolls_back_and_is_raised_again(self, kind: type[BaseException]) -> None:
        interrupt = kind("stop")
        orchestrator, context = made(Do("a"), Do("b"), Do("c", execute=raising(interrupt)))
        with pytest.raises(kind) as caught:
            orchestrator.execute()
        assert caught.value is interrupt
        assert context.did == ["a", "b", "c", "-b", "-a"]
        assert context.current_step is None
        assert not context.step_results[-1].success

    def test_what_was_skipped_is_not_rolled_back(self) -> None:
        orchestrator, context = made(
            Do("a"), Do("b", can_skip=returning(True)), Do("c"), Do("d", execute=raising(ValueError()))
        )
        with pytest.raises(StepFailedError):
            orchestrator.execute()
        assert context.did == ["a", "c", "d", "-c", "-a"]

    def test_a_stop_iteration_is_a_failure_like_any_other(self) -> None:
        orchestrator, context = made(Do("a"), Do("b", execute=raising(StopIteration("end"))))
        with pytest.raises(StepFailedError) as caught:
            orchestrator.execute()
        assert isinstance(caught.value.__cause__, StopIteration)
        assert context.did == ["a", "b", "-a"]

    def test_a_steps_own_error_from_a_stop_iteration_is_the_cause(self) -> None:
        own = RuntimeError("no item")
        own.__cause__ = StopIteration()
        orchestrator, _ = made(Do("a", execute=raising(own)))
        with pytest.raises(StepFailedError, match="no item") as caught:
            orchestrator.execute()
        assert caught.value.__cause__ is own

    def test_a_workflow_inside_a_step_fails_that_step(self) -> None:
        inner, inside = made(Do("x"), Do("y", execute=raising(ValueError("deep"))))

        def act(context: Ctx) -> StepResult:
            inner.execute()
            return StepResult()

        outer, context = made(Do("a"), Do("b", execute=act))
        with pytest.raises(StepFailedError, match=r"^Step 'b' failed: Step 'y' failed: deep$") as caught:
            outer.execute()
        assert isinstance(caught.value.__cause__, StepFailedError)
        assert (inside.did, context.did) == (["x", "y", "-x"], ["a", "b", "-a"])

    def test_a_coroutine_out_of_a_plain_function_is_refused(self) -> None:
        async def later() -> StepResult:
            return StepResult()

        orchestrator, context = made(Do("a"), Do("b", execute=lambda _: later()))
        with pytest.raises(StepFailedError) as caught:
            orchestrator.execute()
        assert isinstance(caught.value.__cause__, AsyncStepError)
        assert context.did == ["a", "b", "-a"]

    def test_a_failure_is_no_circle_that_waits_for_the_garbage_collector(self) -> None:
        def fail(context: Ctx) -> StepResult:
            raise ValueError("x")

        def run() -> weakref.ref[Ctx]:
            orchestrator, context = made(Do("a"), Do("b", execute=fail))
            with suppress(StepFailedError):
                orchestrator.execute()
            return weakref.ref(context)

        gc.collect()
        gc.disable()
        try:
            assert run()() is None
        finally:
            gc.enable()


class TestRollback:
    def test_one_that_raises_does_not_stop_the_others_and_is_told(self) -> None:
        first, second = OSError("busy"), ValueError("gone")
        orchestrator, context = made(
            Do("a"),
            Do("b", rollback=raising(first)),
            Do("c", rollback=raising(second)),
            Do("d", execute=raising(KeyError("why"))),
        )
        with pytest.raises(StepFailedError) as caught:
            orchestrator.execute()
        assert context.did == ["a", "b", "c", "d", "-c", "-b", "-a"]
        failures = caught.value.rollback_failures
        assert [(one.step, one.cause, one.__cause__) for one in failures] == [
            ("c", "gone", second),
            ("b", "busy", first),
        ]
        assert caught.value.__notes__ == ["cannot roll back step 'c': gone", "cannot roll back step 'b': busy"]
        assert context.errors == ["Rollback failed for step 'c': gone", "Rollback failed for step 'b': busy"]

    def test_failures_are_notes_of_an_interrupt(self) -> None:
        interrupt = KeyboardInterrupt()
        orchestrator, _ = made(Do("a", rollback=raising(OSError("busy"))), Do("b", execute=raising(interrupt)))
        with pytest.raises(KeyboardInterrupt) as caught:
            orchestrator.execute()
        assert caught.value.__notes__ == ["cannot roll back step 'a': busy"]

    def test_an_interrupt_meanwhile_is_raised_when_all_are_undone(self) -> None:
        interrupt = KeyboardInterrupt("now")
        orchestrator, context = made(
            Do("a"), Do("b", rollback=raising(interrupt)), Do("c", execute=raising(ValueError("first")))
        )
        with pytest.raises(KeyboardInterrupt) as caught:
            orchestrator.execute()
        assert caught.value is interrupt
        assert isinstance(caught.value.__cause__, StepFailedError)
        assert str(caught.value.__cause__) == "Step 'c' failed: first"
        assert context.did == ["a", "b", "c", "-b", "-a"]

    def test_the_first_interrupt_wins_over_those_of_rollbacks(self) -> None:
        orchestrator, context = made(
            Do("a"), Do("b", rollback=raising(SystemExit(2))), Do("c", execute=raising(KeyboardInterrupt()))
        )
        with pytest.raises(KeyboardInterrupt):
            orchestrator.execute()
        assert context.did == ["a", "b", "c", "-b", "-a"]

    def test_a_step_is_current_while_it_is_rolled_back(self) -> None:
        seen: list[tuple[str | None, int | None]] = []

        def look(context: Ctx) -> None:
            seen.append((context.current_step, context.current_step_order))

        orchestrator, _ = made(
            Do("a", rollback=look),
            Do("b", can_skip=returning(True)),
            Do("c", rollback=look),
            Do("d", execute=raising(ValueError())),
        )
        with pytest.raises(StepFailedError):
            orchestrator.execute()
        assert seen == [("c", 3), ("a", 1)]

    def test_a_failure_is_pickled_with_what_its_rollbacks_said(self) -> None:
        orchestrator, _ = made(Do("a", rollback=raising(OSError("busy"))), Do("b", execute=raising(ValueError("x"))))
        with pytest.raises(StepFailedError) as caught:
            orchestrator.execute()
        again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - made here
        assert isinstance(again, StepFailedError)
        assert (str(again), again.__notes__) == (str(caught.value), caught.value.__notes__)
        assert [str(one) for one in again.rollback_failures] == ["cannot roll back step 'a': busy"]
        assert isinstance(again.rollback_failures[0], StepRollbackError)


def test_an_interrupt_between_any_two_lines_leaves_no_step_that_succeeded_undone_or_undone_twice() -> None:
    """Raise ``KeyboardInterrupt`` at the first, second, third ... line of the loop over the steps."""

    def run(fuse: int) -> tuple[bool, Ctx]:
        left = fuse

        def trace(frame: FrameType, event: str, arg: object) -> Any:
            nonlocal left
            if frame.f_code.co_name != "_steps" or not frame.f_code.co_filename.endswith("execution.py"):
                return trace if frame.f_code.co_name in {"go_on", "_run", "execute"} else None
            if event == "line":
                left -= 1
                if left == 0:
                    raise KeyboardInterrupt
            return trace

        # The same result from all steps: nothing may tell them apart by it.
        shared = StepResult(rollback_data={"of": "x"})
        acts: dict[str, Any] = {"execute": returning(shared)}
        orchestrator, context = made(
            Do("a", **acts), Do("b", can_skip=returning(True)), Do("c", **acts), progress_callback=lambda *_: None
        )
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            orchestrator.execute()
        except KeyboardInterrupt:
            return True, context
        finally:
            sys.settrace(before)
        return False, context

    fuse = 1
    while (found := run(fuse))[0]:
        did = found[1].did
        executed = [one for one in did if one[0] != "-"]
        assert did == [*executed, *["-x"] * len(executed)], f"line {fuse}: {did}"
        assert len(found[1].step_results) >= len(executed)
        fuse += 1
    assert fuse > 40
    assert found[1].did == ["a", "c"]
