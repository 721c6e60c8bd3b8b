"""The registry of steps: order, names, weights, and steps around steps."""

from __future__ import annotations

import copy
import math
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugbus.capabilities import (
    BaseStep,
    BaseStepContext,
    EventLogged,
    LoggingStep,
    Orchestrator,
    RuntimeContext,
    StepDefinitionError,
    StepExistsError,
    StepFailedError,
    StepNotFoundError,
    StepRegistry,
    StepResult,
    StepResultError,
    StepWrapper,
    TimingStep,
    ValidationStep,
)

if TYPE_CHECKING:
    from plugbus.kernel import Event

Ctx = BaseStepContext


class Named(BaseStep[Ctx]):
    def __init__(self, name: Any, weight: Any = 0.5, result: StepResult | None = None) -> None:
        self._name = name
        self._weight = weight
        self._result = result
        self.progress_proportion = 7
        self.undone: list[StepResult] = []

    @property
    def name(self) -> str:
        return self._name  # type: ignore[no-any-return] # wrong names are given on purpose

    @property
    def progress_weight(self) -> float:
        return self._weight  # type: ignore[no-any-return] # wrong weights are given on purpose

    def execute(self, context: Ctx) -> StepResult:
        return StepResult(data={"n": 1}) if self._result is None else self._result

    def rollback(self, context: Ctx, result: StepResult) -> None:
        self.undone.append(result)


def registry(*names: str) -> StepRegistry[Ctx]:
    return StepRegistry(Named(name) for name in names)


class TestOrder:
    def test_steps_stand_where_they_were_put(self) -> None:
        found = registry("a", "b", "c")
        found.insert_before("a", Named("x"))
        found.insert_after("c", Named("y"))
        found.insert_after("a", Named("z"))
        assert found.names == ("x", "a", "z", "b", "c", "y")
        assert [step.name for step in found] == list(found.names)
        assert len(found) == 6

    def test_a_step_that_is_taken_out_is_returned_and_its_name_is_free(self) -> None:
        found = registry("a", "b")
        first = found.get("a")
        assert found.unregister("a") is first
        assert list(found.names) == ["b"]
        assert "a" not in found
        found.register(Named("a"))
        assert list(found.names) == ["b", "a"]

    def test_the_list_of_steps_is_the_callers(self) -> None:
        found = registry("a")
        found.get_steps().clear()
        assert len(found) == 1

    def test_an_empty_registry_is_empty(self) -> None:
        found = registry()
        assert (len(found), found.names, found.total_weight, list(found)) == (0, (), 0.0, [])

    def test_weights_are_added_up_exactly(self) -> None:
        assert StepRegistry(Named(str(one), 0.1) for one in range(10)).total_weight == 1.0

    def test_the_plan_is_made_once_until_something_changes(self) -> None:
        found = registry("a", "b")
        plan = found.plan
        assert found.plan is plan
        found.register(Named("c"))
        assert found.plan is not plan
        assert plan.names == ("a", "b")


class TestRefusals:
    @pytest.mark.parametrize("add", ["register", "insert_before", "insert_after"])
    def test_a_second_step_of_one_name(self, add: str) -> None:
        found = registry("a", "b")
        place = () if add == "register" else ("a",)
        with pytest.raises(StepExistsError, match="cannot register step 'b': a step of this name is registered"):
            getattr(found, add)(*place, Named("b"))
        assert found.names == ("a", "b")

    @pytest.mark.parametrize("call", ["insert_before", "insert_after", "unregister", "get"])
    def test_a_name_that_is_not_there_offers_near_ones(self, call: str) -> None:
        found = registry("upload_files", "finalize")
        arguments = (Named("x"),) if call.startswith("insert") else ()
        with pytest.raises(StepNotFoundError) as caught:
            getattr(found, call)("upload_file", *arguments)
        assert caught.value.near == ("upload_files",)
        assert str(caught.value).endswith("did you mean 'upload_files'?")
        assert found.names == ("upload_files", "finalize")

    def test_a_name_that_nothing_is_near_lists_what_is_there(self) -> None:
        with pytest.raises(StepNotFoundError, match=r"no step has this name; there are 'a', 'b'$"):
            registry("a", "b").get("something")
        with pytest.raises(StepNotFoundError, match=r"no step is registered$"):
            registry().get("something")
        with pytest.raises(StepNotFoundError, match=r"'11', '12' and 10 more$"):
            registry(*map(str, range(3, 23))).get("something")

    @pytest.mark.parametrize("name", ["", "  ", None, 3])
    def test_a_name_that_is_no_text(self, name: object) -> None:
        with pytest.raises(StepDefinitionError, match="cannot register step 'Named': its name is "):
            registry().register(Named(name))

    @pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf, "1", None, True, 1j])
    def test_a_weight_that_is_no_number_from_0_on(self, weight: object) -> None:
        with pytest.raises(StepDefinitionError, match="cannot register step 'a': its progress_weight is "):
            registry().register(Named("a", weight))

    @pytest.mark.parametrize("weight", [0, 3, Fraction(1, 4)])
    def test_any_real_number_from_0_on_is_a_weight(self, weight: Any) -> None:
        assert StepRegistry([Named("a", weight)]).total_weight == float(weight)

    def test_a_class_in_place_of_an_object(self) -> None:
        kind: Any = Named
        with pytest.raises(StepDefinitionError, match=r"'Named': it is a class; register an object: Named\(\)"):
            registry().register(kind)

    def test_something_that_is_no_step(self) -> None:
        thing: Any = 7
        with pytest.raises(StepDefinitionError, match="'7': it is a int, not a BaseStep"):
            registry().register(thing)


class TestWrappers:
    def test_a_wrapped_step_is_found_by_both_names_and_keeps_its_weight(self) -> None:
        found = registry("a")
        found.register(LoggingStep(Named("upload", 0.8)))
        found.insert_after("upload", Named("x"))
        found.insert_before("logged_upload", Named("y"))
        assert found.names == ("a", "y", "logged_upload", "x")
        assert found.total_weight == pytest.approx(0.5 + 0.5 + 0.8 + 0.5)
        assert found.unregister("upload").name == "logged_upload"

    def test_wrappers_around_wrappers_are_found_by_all_their_names(self) -> None:
        found = registry()
        found.register(TimingStep(LoggingStep(Named("upload"))))
        assert found.names == ("timed_logged_upload",)
        for name in ("upload", "logged_upload", "timed_logged_upload"):
            assert found.get(name).name == "timed_logged_upload"

    def test_a_name_of_its_own_comes_before_that_of_a_step_inside(self) -> None:
        found = registry()
        found.register(LoggingStep(Named("upload")))
        found.register(Named("upload"))
        assert found.get("upload").name == "upload"

    def test_a_name_inside_two_steps_is_refused_with_both(self) -> None:
        found = registry()
        found.register(LoggingStep(Named("upload")))
        found.register(TimingStep(Named("upload")))
        with pytest.raises(StepNotFoundError, match="did you mean 'logged_upload' or 'timed_upload'"):
            found.get("upload")

    def test_what_else_a_step_offers_its_wrapper_does(self) -> None:
        step = Named("upload")
        assert LoggingStep(step).progress_proportion == 7
        assert LoggingStep(step).step is step
        with pytest.raises(AttributeError, match="nothing"):
            _ = LoggingStep(step).nothing
        with pytest.raises(AttributeError, match="LoggingStep"):
            _ = LoggingStep(step)._nothing

    def test_a_wrapper_can_be_copied_and_pickled(self) -> None:
        for again in (copy.copy(TimingStep(Named("a"))), pickle.loads(pickle.dumps(TimingStep(Named("a"))))):  # noqa: S301 - made here
            assert again.name == "timed_a"

    def test_timing_leaves_the_result_of_the_step_as_it_is(self) -> None:
        own = StepResult(data={"n": 1}, rollback_data={"x": 2})
        context, start = Ctx(), monotonic()
        Orchestrator(StepRegistry([TimingStep(Named("a", result=own))]), context).execute()
        (result,) = context.step_results
        assert 0 <= result.data["duration_seconds"] <= monotonic() - start
        assert own.data == {"n": 1}
        assert result.data.keys() == {"n", "duration_seconds"}
        assert (result.rollback_data, result.timestamp) == (own.rollback_data, own.timestamp)

    def test_rollback_reaches_the_step_inside_with_the_result(self) -> None:
        step, context = Named("a"), Ctx()
        found = StepRegistry[Ctx]([LoggingStep(TimingStep(step)), ValidationStep(lambda _: (False, "no"))])
        with pytest.raises(StepFailedError):
            Orchestrator(found, context).execute()
        assert step.undone == [context.step_results[0]]

    def test_a_plain_wrapper_changes_nothing_but_the_name(self) -> None:
        class Plain(StepWrapper[Ctx]):
            pass

        context = Ctx()
        Orchestrator(StepRegistry([Plain(Named("a"))]), context).execute()
        assert Plain(Named("a")).name == "wrapped_a"
        assert context.step_results[0].data == {"n": 1}

    @pytest.mark.parametrize("wrap", [LoggingStep, TimingStep])
    def test_what_is_no_result_is_refused_by_name(self, wrap: Any) -> None:
        class Empty(Named):
            def execute(self, context: Ctx) -> Any:
                return None

        with pytest.raises(StepFailedError) as caught:
            Orchestrator(StepRegistry([wrap(Empty("a"))]), Ctx()).execute()
        assert isinstance(caught.value.__cause__, StepResultError)

    def test_skipping_is_for_the_step_inside_to_say(self) -> None:
        class Idle(Named):
            def can_skip(self, context: Ctx) -> bool:
                return True

        events: list[Event] = []
        context = Ctx(runtime_ctx=RuntimeContext(publish=events.append))
        Orchestrator(StepRegistry([LoggingStep(Idle("a"))]), context).execute()
        assert context.step_results[0].skipped
        assert not [one for one in events if isinstance(one, EventLogged)]


class TestLogging:
    @staticmethod
    def logs(*steps: BaseStep[Ctx]) -> list[tuple[str, dict[str, Any]]]:
        events: list[Event] = []
        context = Ctx(runtime_ctx=RuntimeContext(publish=events.append))
        with pytest.raises((StepFailedError, KeyboardInterrupt)):
            Orchestrator(StepRegistry(steps), context).execute()
        found = [(one.name, dict(one.data)) for one in events if isinstance(one, EventLogged)]
        for _, data in found:
            assert data.pop("elapsed", 0.0) == pytest.approx(0.0, abs=60)
        return found

    def test_a_result_without_success_and_the_rollback_are_logged(self) -> None:
        bad = StepResult(success=False, error="no disk")
        assert self.logs(LoggingStep(Named("a")), LoggingStep(Named("b", result=bad))) == [
            ("step_start", {"step": "logged_a"}),
            ("step_end", {"step": "logged_a", "success": True, "skipped": False}),
            ("step_start", {"step": "logged_b"}),
            ("step_end", {"step": "logged_b", "success": False, "skipped": False, "error": "no disk"}),
            ("step_rollback", {"step": "logged_a"}),
        ]

    @pytest.mark.parametrize("error", [ValueError("no disk"), KeyboardInterrupt("no disk")])
    def test_the_end_is_logged_also_when_the_step_raises(self, error: BaseException) -> None:
        class Raising(Named):
            def execute(self, context: Ctx) -> StepResult:
                raise error

        assert self.logs(LoggingStep(Raising("a")))[1:] == [
            ("step_end", {"step": "logged_a", "success": False, "skipped": False, "error": "no disk"})
        ]

    def test_nothing_is_needed_to_log_to(self) -> None:
        assert Orchestrator(StepRegistry([LoggingStep(Named("a"))]), Ctx()).execute()["success"]


class TestValidation:
    def test_has_the_name_and_weight_of_the_description(self) -> None:
        step = ValidationStep[Ctx](lambda _: (True, None))
        assert (step.name, step.progress_weight) == ("validate", 0.05)

    def test_says_something_where_the_validator_says_nothing(self) -> None:
        with pytest.raises(StepFailedError, match=r"^Step 'validate' failed: the context is not valid$"):
            Orchestrator(StepRegistry([ValidationStep[Ctx](lambda _: (False, None))]), Ctx()).execute()

    @pytest.mark.parametrize("returned", [True, None, (True,), (True, None, 1)])
    def test_refuses_what_is_no_answer(self, returned: Any) -> None:
        with pytest.raises(StepFailedError, match="return a tuple"):
            Orchestrator(StepRegistry([ValidationStep[Ctx](lambda _: returned)]), Ctx()).execute()


@given(st.lists(st.floats(min_value=0, allow_infinity=False, allow_nan=False) | st.just(0.0), max_size=50))
def test_progress_never_falls_and_ends_at_100(weights: list[float]) -> None:
    found = StepRegistry(Named(str(place), weight) for place, weight in enumerate(weights))
    seen = [percent for _, _, percent in found.plan.rows]
    assert seen == sorted(seen)
    assert all(0 <= one <= 100 for one in seen)
    assert seen[-1:] == ([100] if weights else [])


@given(st.lists(st.integers(min_value=0, max_value=1000), min_size=1, max_size=50).filter(any))
def test_progress_is_the_exact_share_of_the_weights(weights: list[int]) -> None:
    found = StepRegistry(Named(str(place), weight) for place, weight in enumerate(weights))
    total, done = sum(weights), 0
    for weight, (_, _, percent) in zip(weights, found.plan.rows, strict=True):
        done += weight
        assert percent == 100 * done // total


def test_threads_that_register_and_execute_do_not_disturb_each_other() -> None:
    found = registry("first")
    gate = threading.Barrier(5)

    def add(thread: int) -> None:
        gate.wait()
        for number in range(40):
            found.insert_after("first", Named(f"{thread}.{number}"))
            if number % 2:
                found.unregister(f"{thread}.{number}")

    def execute() -> list[int]:
        gate.wait()
        counts = [Orchestrator(found, Ctx()).execute()["steps_executed"] for _ in range(40)]
        return [one for one in counts if not 1 <= one <= 4 * 20 + 4 + 1]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # every few instructions another thread runs
    try:
        with ThreadPoolExecutor(5) as pool:
            adding = [pool.submit(add, thread) for thread in range(4)]
            assert pool.submit(execute).result(60) == []
            for one in adding:
                one.result(60)
    finally:
        sys.setswitchinterval(before)
    assert sorted(found.names) == sorted(["first", *(f"{t}.{n}" for t in range(4) for n in range(0, 40, 2))])
    assert [name for name in found.names if name[0] == "2"] == [f"2.{n}" for n in range(38, -1, -2)]
