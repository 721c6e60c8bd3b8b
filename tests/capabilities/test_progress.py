"""The progress of jobs: categories, weights, time, and what events make of them."""

from __future__ import annotations

import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugbus.capabilities import (
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionStarted,
    BaseStep,
    BaseStepContext,
    LogLevel,
    MessageLogged,
    Orchestrator,
    ProgressBoard,
    ProgressFailed,
    ProgressModel,
    ProgressPlanned,
    ProgressReported,
    ProgressState,
    RunEnded,
    RunStarted,
    RuntimeContext,
    StepCompleted,
    StepFailed,
    StepRegistry,
    StepResult,
    StepSkipped,
    WorkEvent,
    encode_value,
)
from plugbus.kernel import EventBus

TRAIN = {"dataset": 20, "train": 75, "model_upload": 5}
PROPORTIONS = {
    "train": TRAIN,
    "export with originals": {"fetch": 10, "dataset_conversion": 35, "original_file": 25, "data_file": 30},
    "export": {"fetch": 10, "dataset_conversion": 50, "data_file": 40},
    "not summing to 100": {"a": 0.05, "b": 0.1, "c": 0.1},
}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestPlan:
    def test_counts_categories_by_their_shares(self) -> None:
        model = ProgressModel(TRAIN)
        assert model.fraction == 0
        model.report(1, 2, "dataset")
        assert model.fraction == pytest.approx(0.1)
        model.report(2, 2, "dataset")
        model.report(30, 100, "train")
        assert model.fraction == pytest.approx(0.2 + 0.75 * 0.3)
        snapshot = model.snapshot()
        assert [one.name for one in snapshot.categories] == list(TRAIN)
        assert [one.percent for one in snapshot.categories] == [100, pytest.approx(30), None]
        assert [one.share for one in snapshot.categories] == [0.2, 0.75, 0.05]
        assert snapshot.overall == model.fraction
        assert snapshot.is_planned

    @pytest.mark.parametrize("weights", PROPORTIONS.values(), ids=PROPORTIONS)
    def test_is_complete_when_all_of_it_is_and_not_before(self, weights: dict[str, float]) -> None:
        model = ProgressModel(weights)
        for name in weights:
            assert model.fraction < 1
            model.report(3, 3, name)
        assert model.fraction == 1
        assert model.state is ProgressState.RUNNING

    def test_without_weights_counts_all_the_same(self) -> None:
        model = ProgressModel({"a": 0, "b": 0})
        model.report(1, 1, "a")
        assert model.fraction == 0.5

    def test_takes_wrong_weights_for_none(self) -> None:
        wrong: Any = {"a": -1, "b": math.nan, "c": "many", "d": math.inf, "e": None, "f": 2, "g": 10**400}
        model = ProgressModel(wrong)
        shares = {one.name: one.share for one in model.snapshot().categories}
        assert shares == dict.fromkeys("abcdeg", 0.0) | {"f": 1.0}
        model.report(1, 1, "a")
        assert model.fraction == 0

    def test_may_have_weights_near_the_largest_number(self) -> None:
        model = ProgressModel({"a": 1e308, "b": 1e308})
        model.report(1, 1, "a")
        assert model.fraction == 0.5

    def test_is_not_changed_by_a_category_that_is_not_in_it(self) -> None:
        model = ProgressModel(TRAIN)
        model.report(1, 2, "surprise")
        assert model.fraction == 0
        found = model.snapshot().category("surprise")
        assert found is not None
        assert (found.percent, found.share) == (50, 0)

    def test_holds_against_a_second_one(self) -> None:
        model = ProgressModel(TRAIN)
        model.plan({"other": 1})
        model.plan({})
        assert [one.name for one in model.snapshot().categories] == list(TRAIN)

    def test_may_come_late(self) -> None:
        model = ProgressModel()
        model.report(1, 2, "train")
        model.report(1, 2, "extra")
        before = model.fraction
        model.plan(TRAIN)
        assert model.fraction == max(before, 0.375)
        model.report(1, 1, "train")
        assert model.fraction == pytest.approx(0.75)

    def test_knows_what_was_done_before(self, clock: Clock) -> None:
        model = ProgressModel(clock=clock)
        model.begin()
        model.plan({"a": 1, "b": 1, "c": 2}, done=("a", "b", "gone"))
        assert model.fraction == 0.5
        clock.pass_by(10)
        model.report(1, 2, "c")
        clock.pass_by(10)
        model.report(3, 4, "c")
        # A quarter of c, an eighth of all, in ten seconds: what was there before is no speed.
        assert model.remaining() == pytest.approx(10)


class TestWithoutAPlan:
    def test_each_category_takes_half_of_what_is_left(self) -> None:
        model = ProgressModel()
        seen = []
        for name in "abc":
            model.report(0, 2, name)
            model.report(2, 2, name)
            seen.append(model.fraction)
        assert seen == [0.5, 0.75, 0.875]
        assert not model.snapshot().is_planned
        model.end(ProgressState.COMPLETED)
        assert model.fraction == 1

    def test_takes_any_number_of_categories(self) -> None:
        model = ProgressModel()
        for place in range(3000):
            model.report(1, 1, str(place))
        assert 0.99 < model.fraction < 1

    def test_without_a_category_is_of_the_whole(self) -> None:
        model = ProgressModel()
        model.report(1, 4)
        assert model.fraction == 0.25
        model.report(4, 4)
        assert (model.fraction, model.state) == (1, ProgressState.RUNNING)

    def test_without_a_category_counts_beside_a_second_plan_until_a_planned_category_is_reported(self) -> None:
        model = ProgressModel({"convert": 1, "save": 3})
        model.plan({"first step": 1, "second step": 1})
        model.report(1, 10)
        assert model.fraction == 0.1
        model.report(1, 2, "second step")  # not in the plan that holds
        model.report(2, 10)
        assert model.fraction == 0.2
        model.report(1, 1, "convert")
        model.report(9, 10)
        assert model.fraction == 0.25

    def test_without_a_category_counts_where_the_same_is_planned_twice(self) -> None:
        model = ProgressModel({"a": 1, "b": 1})
        model.plan({"b": 1, "a": 1})
        model.report(1, 4, "a")
        model.report(3, 4)
        assert model.fraction == 0.75


REPORTS = st.lists(
    st.tuples(
        st.floats(allow_nan=True) | st.integers(),
        st.none() | st.floats(allow_nan=True) | st.integers(),
        st.none() | st.sampled_from(["dataset", "train", "model_upload", "x", "y"]),
    )
)


class TestAlways:
    @given(REPORTS, st.booleans())
    def test_nothing_ever_falls_or_leaves_its_range(self, reports: list[Any], is_planned: bool) -> None:
        model = ProgressModel(TRAIN if is_planned else None)
        whole, parts = 0.0, dict[str, float]()
        for current, total, category in reports:
            model.report(current, total, category)
            snapshot = model.snapshot()
            assert whole <= snapshot.percent <= 100
            whole = snapshot.percent
            for one in snapshot.categories:
                assert parts.get(one.name, 0.0) <= (one.percent or 0.0) <= 100
                parts[one.name] = one.percent or 0.0
                assert one.remaining_s is None or one.remaining_s >= 0

    @given(st.dictionaries(st.text(max_size=3), st.floats(0, 1e9), min_size=1))
    def test_a_plan_that_is_all_done_is_done(self, weights: dict[str, float]) -> None:
        model = ProgressModel(weights)
        assert math.fsum(one.share for one in model.snapshot().categories) == pytest.approx(1)
        for name in weights:
            model.report(1, 1, name)
        assert model.fraction == 1

    def test_a_total_that_grows_holds_until_it_is_caught_up(self) -> None:
        model = ProgressModel({"a": 1})
        seen = []
        for current, total in ((5, 10), (5, 20), (9, 20), (12, 20), (0, 20)):
            model.report(current, total, "a")
            seen.append(model.fraction)
        assert seen == [0.5, 0.5, 0.5, 0.6, 0.6]
        found = model.snapshot().category("a")
        assert found is not None
        assert (found.current, found.total) == (0, 20)

    def test_an_unknown_total_is_counted_and_has_no_percent(self) -> None:
        model = ProgressModel()
        model.report(7, None, "rows")
        found = model.snapshot().category("rows")
        assert found is not None
        assert (found.current, found.total, found.percent, found.state) == (7, None, None, ProgressState.RUNNING)
        assert model.remaining("rows") is None

    def test_several_threads_lose_nothing(self) -> None:
        names = [f"part-{place}" for place in range(8)]
        model = ProgressModel(dict.fromkeys(names, 1.0))

        def work(name: str) -> None:
            for done in range(501):
                model.report(done, 500, name)
                model.snapshot()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, names))
        assert model.fraction == 1
        assert [one.percent for one in model.snapshot().categories] == [100] * 8


class TestTime:
    def test_is_told_from_the_speed_so_far(self, clock: Clock) -> None:
        model = ProgressModel({"a": 1, "b": 1}, clock=clock)
        model.report(0, 10, "a")
        clock.pass_by(10)
        model.report(5, 10, "a")
        assert model.remaining("a") == pytest.approx(10)
        assert model.remaining() == pytest.approx(30)
        found = model.snapshot()
        assert found.elapsed_s == 10
        assert found.remaining_s == pytest.approx(30)
        assert found.categories[0].elapsed_s == 10

    def test_runs_down_between_reports_and_not_below_nothing(self, clock: Clock) -> None:
        model = ProgressModel({"a": 1}, clock=clock)
        model.report(0, 10, "a")
        clock.pass_by(10)
        model.report(5, 10, "a")
        clock.pass_by(4)
        assert model.remaining() == pytest.approx(6)
        clock.pass_by(100)
        assert model.remaining() == 0

    def test_is_not_told_before_there_is_a_speed(self, clock: Clock) -> None:
        model = ProgressModel(clock=clock)
        assert model.remaining() is None
        assert model.remaining("a") is None
        model.report(3, 10, "a")
        clock.pass_by(5)
        assert model.remaining("a") is None
        assert model.remaining() is None

    def test_of_resumed_work_counts_from_where_it_was_taken_up(self, clock: Clock) -> None:
        model = ProgressModel({"train": 1}, clock=clock)
        model.report(60, 100, "train")
        clock.pass_by(10)
        model.report(61, 100, "train")
        assert model.remaining("train") == pytest.approx(390)
        assert model.remaining() == pytest.approx(390)

    def test_of_work_that_reports_its_ends_alone_counts_from_its_beginning(self, clock: Clock) -> None:
        model = ProgressModel({"a": 1, "b": 1}, clock=clock)
        model.begin()
        clock.pass_by(20)
        model.complete("a")
        assert model.remaining() == pytest.approx(20)

    def test_stands_still_after_the_end(self, clock: Clock) -> None:
        model = ProgressModel({"a": 1, "b": 1}, clock=clock)
        model.report(0, 10, "a")
        clock.pass_by(10)
        model.report(5, 10, "a")
        model.end(ProgressState.FAILED)
        clock.pass_by(100)
        found = model.snapshot()
        assert (found.elapsed_s, found.remaining_s, found.state) == (10, None, ProgressState.FAILED)
        assert [one.state for one in found.categories] == [ProgressState.FAILED, ProgressState.WAITING]
        assert found.categories[0].elapsed_s == 10


class TestStates:
    def test_follow_the_reports(self) -> None:
        model = ProgressModel(TRAIN)
        model.report(1, 1, "dataset")
        model.report(1, 2, "train")
        assert [one.state.value for one in model.snapshot().categories] == ["completed", "running", "waiting"]

    def test_a_failed_category_may_be_tried_again(self) -> None:
        model = ProgressModel(TRAIN)
        model.report(1, 2, "train")
        model.fail("train")
        model.fail("unknown")
        assert model.snapshot().categories[1].state is ProgressState.FAILED
        assert model.state is ProgressState.RUNNING
        model.report(0, 2, "train")
        assert model.snapshot().categories[1].state is ProgressState.RUNNING
        assert model.fraction == pytest.approx(0.375)

    def test_a_failure_of_all_reaches_what_is_under_way(self) -> None:
        model = ProgressModel(TRAIN)
        model.report(1, 1, "dataset")
        model.report(1, 2, "train")
        model.fail()
        assert [one.state.value for one in model.snapshot().categories] == ["completed", "failed", "waiting"]

    def test_a_completed_job_is_all_done_whatever_was_reported(self) -> None:
        model = ProgressModel(TRAIN)
        model.report(1, 2, "train")
        model.complete()
        found = model.snapshot()
        assert (found.percent, found.state, found.remaining_s) == (100, ProgressState.COMPLETED, 0)
        assert [one.state.value for one in found.categories] == ["waiting", "completed", "waiting"]

    @pytest.mark.parametrize("state", [ProgressState.RUNNING, ProgressState.WAITING])
    def test_a_job_ends_in_an_end(self, state: ProgressState) -> None:
        with pytest.raises(ValueError, match=state.value):
            ProgressModel().end(state)

    def test_snapshots_are_plain_values(self) -> None:
        model = ProgressModel(TRAIN)
        model.report(1, 2, "train")
        snapshot = model.snapshot()
        assert pickle.loads(pickle.dumps(snapshot)) == snapshot  # noqa: S301 - our own
        assert encode_value(snapshot)["categories"][1]["percent"] == 50
        assert snapshot.category("none") is None


class TestBoard:
    def test_keeps_the_progress_of_each_job(self) -> None:
        bus, board = EventBus(), ProgressBoard()
        bus.subscribe(WorkEvent, board.record)
        first, second = (RuntimeContext(job_id=one, publish=bus.publish) for one in ("first", "second"))
        first.plan_progress(TRAIN)
        first.set_progress(1, 1, "dataset")
        second.set_progress(1, 4)
        second.log_message("not of interest")
        found = board.snapshot("first")
        assert found is not None
        assert found.percent == pytest.approx(20)
        assert board.model("second").fraction == 0.25  # type: ignore[union-attr] # it is there
        assert list(board.job_ids) == ["first", "second"]
        assert board.snapshot("third") is None
        board.forget("first")
        assert list(board.job_ids) == ["second"]

    def test_hears_of_jobs_by_what_says_something_of_their_progress(self) -> None:
        board = ProgressBoard()
        said = MessageLogged("a", LogLevel.INFO, "x")
        for event in (said, StepCompleted("b", "s", 1.0), ActionCompleted("c", "a", 1.0)):
            board.record(event)
        assert board.job_ids == ()

    @pytest.mark.parametrize(
        ("end", "state"),
        [
            (ActionCompleted("job", "a", 1.0), "completed"),
            (ActionFailed("job", "a", 1.0, OSError("x")), "failed"),
            (ActionCancelled("job", "a", 1.0), "cancelled"),
        ],
        ids=lambda one: getattr(one, "topic", ""),
    )
    def test_ends_a_job_with_its_action(self, end: WorkEvent, state: str) -> None:
        board = ProgressBoard()
        board.record(ActionStarted("job", "a"))
        board.record(ProgressReported("job", 1, 2, "train"))
        board.record(end)
        found = board.snapshot("job")
        assert found is not None
        assert (found.state.value, found.categories[0].state.value) == (state, state)
        assert (found.percent == 100) == (state == "completed")

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("ok", "completed"),
            ("skipped", "completed"),
            ("failed", "failed"),
            ("cancelled", "cancelled"),
            ("?", "failed"),
        ],
    )
    def test_ends_a_job_with_its_run_and_not_with_an_action_of_it(self, status: str, state: str) -> None:
        board = ProgressBoard()
        board.record(RunStarted("job", "p", "t", "d"))
        for _ in range(2):
            board.record(ActionStarted("job", "a"))
            board.record(ActionCompleted("job", "a", 1.0))
            assert board.model("job").state is ProgressState.RUNNING  # type: ignore[union-attr] # it is there
        board.record(RunEnded("job", status, 1.0))
        assert board.model("job").state.value == state  # type: ignore[union-attr] # it is there

    def test_begins_anew_with_what_comes_after_the_end(self) -> None:
        board = ProgressBoard()
        board.record(ProgressReported("job", 1, 1, "old"))
        board.record(ActionCompleted("job", "a", 1.0))
        board.record(ProgressReported("job", 1, 4))
        found = board.snapshot("job")
        assert found is not None
        assert (found.percent, found.categories) == (25, ())

    def test_keeps_a_number_of_ended_jobs_and_all_others(self) -> None:
        board = ProgressBoard(keep=2)
        board.record(ProgressReported("working", 1, 2))
        for place in range(5):
            board.record(ProgressReported(str(place), 1, 2))
            board.record(ActionCompleted(str(place), "a", 1.0))
        assert board.job_ids == ("working", "3", "4")

    def test_marks_planned_steps_that_end(self) -> None:
        board = ProgressBoard()
        board.record(ProgressPlanned("job", {"a": 1, "b": 1, "c": 2}))
        board.record(StepCompleted("job", "a", 1.0))
        board.record(StepSkipped("job", "b"))
        board.record(StepCompleted("job", "unplanned", 1.0))
        board.record(ProgressReported("job", 1, 2, "c"))
        board.record(StepFailed("job", "c", 1.0, OSError()))
        found = board.snapshot("job")
        assert found is not None
        assert found.percent == pytest.approx(75)
        assert [one.state.value for one in found.categories] == ["completed", "completed", "failed"]

    def test_marks_failures(self) -> None:
        board = ProgressBoard()
        board.record(ProgressReported("job", 1, 2, "a"))
        board.record(ProgressFailed("job", "a"))
        found = board.snapshot("job")
        assert found is not None
        assert (found.state.value, found.categories[0].state.value) == ("running", "failed")


class Weighted(BaseStep[BaseStepContext]):
    def __init__(self, name: str, weight: float) -> None:
        self._name, self._weight = name, weight

    @property
    def name(self) -> str:
        return self._name

    @property
    def progress_weight(self) -> float:
        return self._weight

    def execute(self, context: BaseStepContext) -> StepResult:
        context.set_progress(1, 2)
        return StepResult()


class TestSteps:
    def test_are_planned_by_their_weights(self) -> None:
        bus, board, seen = EventBus(), ProgressBoard(), list[float]()
        bus.subscribe(WorkEvent, board.record)
        ctx = RuntimeContext(job_id="job", publish=bus.publish)
        bus.subscribe(ProgressReported, lambda event: seen.append(round(board.model("job").fraction, 3)))  # type: ignore[union-attr] # it is there
        steps = StepRegistry([Weighted("fetch", 0.2), Weighted("convert", 0.5), Weighted("save", 0.3)])
        Orchestrator(steps, BaseStepContext(runtime_ctx=ctx)).execute()
        assert seen == [0.1, 0.2, 0.45, 0.7, 0.85, 1.0]
        found = board.snapshot("job")
        assert found is not None
        assert [(one.name, one.percent, round(one.share, 3)) for one in found.categories] == [
            ("fetch", 100, 0.2),
            ("convert", 100, 0.5),
            ("save", 100, 0.3),
        ]
