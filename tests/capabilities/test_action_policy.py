"""Policies: how long an action may take, when it is tried again, and what is never tried again."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from plugbus.capabilities import (
    ActionCall,
    ActionCancelled,
    ActionDefinitionError,
    ActionFailed,
    ActionPolicy,
    ActionPolicyError,
    ActionRetried,
    ActionStarted,
    ActionTimeoutError,
    BaseAction,
    CancellationToken,
    ParamsError,
    ResultError,
    RetryPolicy,
    WorkCancelledError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugbus.kernel import Event

WAIT_S = 30


class Params(BaseModel):
    sizes: list[int] = []


class FakeClock:
    """Time that passes when somebody waits, and never else."""

    def __init__(self, chance: float = 0.0) -> None:
        self.now = 100.0
        self.waits: list[float] = []
        self.during: Callable[[], object] = lambda: None
        self._chance = chance

    def now_s(self) -> float:
        return self.now

    def chance(self) -> float:
        return self._chance

    def wait(self, seconds: float, token: CancellationToken | None) -> None:
        self.waits.append(seconds)
        self.now += seconds
        self.during()


def flaky(*errors: BaseException, policy: ActionPolicy | None = None) -> type[BaseAction[Any]]:
    """Return an action that raises one after the other, then returns the number of the attempt."""
    left = list(errors)

    class Flaky(BaseAction[Params]):
        action_name = "flaky"
        made: ClassVar[list[BaseAction[Any]]] = []

        def execute(self) -> int:
            self.made.append(self)
            if left:
                raise left.pop(0)
            return len(self.made)

    Flaky.policy = policy
    return Flaky


def retrying(**known: Any) -> ActionPolicy:
    return ActionPolicy(retries=RetryPolicy(**{"jitter": 0, **known}))


def run(
    action: type[BaseAction[Any]], clock: FakeClock | None = None, **known: Any
) -> tuple[Any, list[Event], BaseException | None]:
    events: list[Event] = []
    try:
        result = ActionCall(action, **known).run_here(events.append, clock=clock or FakeClock())
    except BaseException as error:  # noqa: BLE001 - the test looks at it
        return None, events, error
    return result, events, None


def kinds(events: list[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


class TestDelay:
    def test_grows_by_its_factor_up_to_its_limit(self) -> None:
        policy = RetryPolicy(initial_delay_s=0.5, factor=3, max_delay_s=10, jitter=0)
        assert [policy.delay_s(attempt) for attempt in (1, 2, 3, 4, 5)] == [0.5, 1.5, 4.5, 10, 10]

    def test_is_shortened_by_chance_up_to_its_jitter(self) -> None:
        policy = RetryPolicy(initial_delay_s=8, jitter=0.25)
        assert [policy.delay_s(1, chance) for chance in (0, 0.5, 1)] == [8, 7, 6]
        assert RetryPolicy(initial_delay_s=8, jitter=1).delay_s(1, 1) == 0

    def test_of_a_late_attempt_is_the_limit_and_no_overflow(self) -> None:
        assert RetryPolicy(initial_delay_s=1, max_delay_s=7, jitter=0).delay_s(100_000) == 7
        assert RetryPolicy(initial_delay_s=0, max_delay_s=7, jitter=0).delay_s(100_000) == 0

    @given(
        initial=st.floats(0, 1e6),
        factor=st.floats(1, 100),
        longest=st.floats(0, 1e6),
        jitter=st.floats(0, 1),
        chance=st.floats(0, 1, exclude_max=True),
    )
    @settings(deadline=None)
    def test_lies_between_nothing_and_the_limit_and_never_falls(
        self, initial: float, factor: float, longest: float, jitter: float, chance: float
    ) -> None:
        policy = RetryPolicy(initial_delay_s=initial, factor=factor, max_delay_s=longest, jitter=jitter)
        delays = [policy.delay_s(attempt, chance) for attempt in (1, 2, 3, 10, 1000)]
        assert all(0 <= one <= longest for one in delays)
        assert all(before <= after for before, after in pairwise(delays))


class TestDefinition:
    def test_is_refused_with_every_fault(self) -> None:
        wrong: Any = {"attempts": 0, "on": (KeyboardInterrupt,), "factor": 0.5, "jitter": 2, "max_delay_s": "long"}
        with pytest.raises(ActionPolicyError) as caught:
            RetryPolicy(**wrong)
        assert [name for name, _ in caught.value.faults] == ["attempts", "on", "factor", "max_delay_s", "jitter"]
        assert str(caught.value).startswith("cannot make RetryPolicy: attempts: 0 is no whole number from 1 on; on: ")

    @pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "3", True])
    @pytest.mark.parametrize("name", ["timeout_s", "deadline_s"])
    def test_with_a_limit_that_is_none_is_refused(self, name: str, value: Any) -> None:
        with pytest.raises(ActionPolicyError, match=f"^cannot make ActionPolicy: {name}: "):
            ActionPolicy(**{name: value})

    def test_with_other_retries_is_refused(self) -> None:
        number: Any = 3
        with pytest.raises(ActionPolicyError, match="retries: 3 is no RetryPolicy"):
            ActionPolicy(retries=number)

    def test_takes_one_kind_of_error_or_several(self) -> None:
        one: Any = OSError
        several: Any = [OSError, KeyError]
        assert RetryPolicy(on=one).on == (OSError,)
        assert RetryPolicy(on=several).on == (OSError, KeyError)


class TestRetries:
    def test_go_on_until_it_succeeds(self) -> None:
        clock, errors = FakeClock(), [ConnectionError("one"), TimeoutError("two")]
        result, events, _ = run(flaky(*errors, policy=retrying(initial_delay_s=2)), clock, job_id="job")
        assert result == 3
        assert clock.waits == [2, 4]
        assert events[1:3] == [
            ActionRetried("job", "flaky", 1, errors[0], 2),
            ActionRetried("job", "flaky", 2, errors[1], 4),
        ]
        assert kinds(events)[0] is ActionStarted
        assert len(events) == 4

    def test_end_with_the_error_of_the_last_attempt(self) -> None:
        errors = [ConnectionError(str(number)) for number in range(9)]
        _, events, error = run(flaky(*errors, policy=retrying(attempts=3)))
        assert error is errors[2]
        assert kinds(events) == [ActionStarted, ActionRetried, ActionRetried, ActionFailed]

    def test_are_not_made_without_a_policy(self) -> None:
        _, events, error = run(flaky(ConnectionError()))
        assert isinstance(error, ConnectionError)
        assert kinds(events) == [ActionStarted, ActionFailed]

    def test_are_made_on_the_declared_errors_alone(self) -> None:
        action = flaky(ConnectionResetError(), ValueError("no"), policy=retrying(on=(ConnectionError,)))
        _, events, error = run(action)
        assert isinstance(error, ValueError)
        assert kinds(events) == [ActionStarted, ActionRetried, ActionFailed]

    @pytest.mark.parametrize(
        "error",
        [
            WorkCancelledError("it", "enough"),
            ParamsError("inner", (("x", "why"),)),
            ActionDefinitionError("inner", "why"),
            ResultError("inner", "Model", (), None),
            KeyboardInterrupt(),
            SystemExit(1),
        ],
    )
    def test_are_never_made_after_what_is_final(self, error: BaseException) -> None:
        _, events, raised = run(flaky(error, policy=retrying(on=(Exception,))))
        assert raised is error
        assert ActionRetried not in kinds(events)

    def test_are_those_of_the_call_where_it_has_a_policy(self) -> None:
        action = flaky(OSError(), OSError(), policy=retrying(attempts=1))
        assert run(action, policy=retrying(on=(OSError,)))[0] == 3

    def test_get_an_action_and_params_of_their_own(self) -> None:
        class Spoiling(BaseAction[Params]):
            policy = retrying(on=(OSError,))
            seen: ClassVar[list[list[int]]] = []

            def execute(self) -> None:
                self.seen.append(list(self.params.sizes))
                self.params.sizes.append(7)
                if len(self.seen) < 3:
                    raise OSError

        given = Params(sizes=[1])
        run(Spoiling, params=given)
        assert Spoiling.seen == [[1]] * 3
        assert given.sizes == [1]

    def test_wait_by_chance(self) -> None:
        clock = FakeClock(chance=0.5)
        run(flaky(OSError(), policy=retrying(on=(OSError,), initial_delay_s=4, jitter=1)), clock)
        assert clock.waits == [2]

    def test_stop_when_the_token_is_cancelled_between_two(self) -> None:
        clock, token = FakeClock(), CancellationToken()
        clock.during = lambda: token.cancel("enough")
        _, events, error = run(flaky(OSError(), policy=retrying(on=(OSError,))), clock, cancellation=token)
        assert isinstance(error, WorkCancelledError)
        assert str(error) == "cannot go on with action 'flaky': enough"
        assert kinds(events) == [ActionStarted, ActionRetried, ActionCancelled]

    def test_are_not_made_when_the_token_was_cancelled_during_the_attempt(self) -> None:
        token = CancellationToken()

        class Giving(BaseAction[Params]):
            policy = retrying(on=(OSError,))

            def execute(self) -> None:
                token.cancel()
                raise OSError("closed under its feet")

        _, events, error = run(Giving, cancellation=token)
        assert isinstance(error, OSError)
        assert kinds(events) == [ActionStarted, ActionFailed]

    def test_wait_on_the_clock_of_the_machine_no_longer_than_until_they_are_cancelled(self) -> None:
        token = CancellationToken()
        policy = retrying(on=(OSError,), initial_delay_s=WAIT_S, max_delay_s=WAIT_S)
        events: list[Event] = []

        def publish(event: Event) -> None:
            events.append(event)
            if isinstance(event, ActionRetried):
                threading.Timer(0.01, token.cancel).start()

        with pytest.raises(WorkCancelledError):
            ActionCall(flaky(OSError(), policy=policy), cancellation=token).run_here(publish)
        assert kinds(events) == [ActionStarted, ActionRetried, ActionCancelled]

    def test_need_no_token_to_wait_on_the_clock_of_the_machine(self) -> None:
        policy = retrying(on=(OSError,), initial_delay_s=0.001)
        assert ActionCall(flaky(OSError(), policy=policy)).run_here(lambda event: None) == 2


class TestDeadline:
    def test_keeps_what_would_come_after_it_from_being_tried(self) -> None:
        policy = ActionPolicy(
            deadline_s=10, retries=RetryPolicy(attempts=9, on=(OSError,), initial_delay_s=4, jitter=0)
        )
        clock, errors = FakeClock(), [OSError(str(number)) for number in range(9)]
        _, events, error = run(flaky(*errors, policy=policy), clock)
        assert clock.waits == [4], "4 s, and 8 s more would be too late"
        assert error is errors[1]
        assert getattr(error, "__notes__", None) == ["not tried again: deadline_s of its policy is 10"]
        assert kinds(events) == [ActionStarted, ActionRetried, ActionFailed]

    def test_is_the_limit_of_an_attempt_where_less_is_left_of_it(self) -> None:
        class Waiting(BaseAction[Params]):
            policy = ActionPolicy(timeout_s=WAIT_S, deadline_s=0.01, retries=RetryPolicy(on=(TimeoutError,)))

            def execute(self) -> None:
                assert self.ctx.cancellation is not None
                assert self.ctx.cancellation.wait(WAIT_S)

        with pytest.raises(ActionTimeoutError) as caught:
            ActionCall(Waiting).run_here(lambda event: None)
        assert (caught.value.limit, caught.value.seconds) == ("deadline_s", 0.01)


class Slow(BaseAction[Params]):
    """Works until its token is cancelled, and then ends as a subclass says."""

    action_name = "slow"
    policy = ActionPolicy(timeout_s=0.01)

    def execute(self) -> Any:
        assert self.ctx.cancellation is not None
        assert self.ctx.cancellation.wait(WAIT_S)
        return self.ends()

    def ends(self) -> Any:
        """Say how it ends."""
        return None


class TestTimeout:
    def test_ends_an_action_that_looks_at_its_token(self) -> None:
        class Looking(Slow):
            def ends(self) -> Any:
                self.ctx.raise_if_cancelled()

        _, events, error = run(Looking)
        assert isinstance(error, ActionTimeoutError)
        assert isinstance(error.__cause__, WorkCancelledError)
        assert str(error) == (
            "cannot finish action 'slow': it took longer than 0.01 s; "
            "raise timeout_s of its policy, or give it less to do"
        )
        assert kinds(events) == [ActionStarted, ActionFailed]

    def test_keeps_what_comes_too_late(self) -> None:
        class Late(Slow):
            def ends(self) -> Any:
                return {"hours": "of work"}

        error = run(Late)[2]
        assert isinstance(error, ActionTimeoutError)
        assert error.result == {"hours": "of work"}

    def test_is_told_in_place_of_what_it_led_to(self) -> None:
        class Broken(Slow):
            def ends(self) -> Any:
                raise OSError("closed")

        error = run(Broken)[2]
        assert isinstance(error, ActionTimeoutError)
        assert isinstance(error.__cause__, OSError)

    def test_leaves_an_interrupt_alone(self) -> None:
        class Interrupted(Slow):
            def ends(self) -> Any:
                raise KeyboardInterrupt

        assert isinstance(run(Interrupted)[2], KeyboardInterrupt)

    def test_of_one_attempt_is_not_that_of_the_next(self) -> None:
        class Second(BaseAction[Params]):
            policy = ActionPolicy(timeout_s=0.01, retries=RetryPolicy(on=(TimeoutError,)))
            attempts: ClassVar[list[bool]] = []

            def execute(self) -> str:
                token = self.ctx.cancellation
                assert token is not None
                self.attempts.append(token.is_cancelled)
                if len(self.attempts) == 1:
                    token.wait(WAIT_S)
                return "done"

        result, events, _ = run(Second)
        assert result == "done"
        assert Second.attempts == [False, False]
        assert ActionRetried in kinds(events)

    def test_does_not_hide_a_cancellation_that_came_first(self) -> None:
        outer = CancellationToken()

        class Stopped(BaseAction[Params]):
            policy = ActionPolicy(timeout_s=WAIT_S)

            def execute(self) -> None:
                outer.cancel("enough")
                self.ctx.raise_if_cancelled()

        _, events, error = run(Stopped, cancellation=outer)
        assert isinstance(error, WorkCancelledError)
        assert kinds(events) == [ActionStarted, ActionCancelled]

    def test_leaves_no_thread_and_nothing_on_the_token(self) -> None:
        outer = CancellationToken()
        before = threading.active_count()
        for action in (flaky(), flaky(OSError())):
            run(action, policy=ActionPolicy(timeout_s=WAIT_S), cancellation=outer)
            assert threading.active_count() == before
        assert outer._calls == {}

    def test_is_no_matter_to_an_action_that_is_done_before(self) -> None:
        result, _, error = run(flaky(), policy=ActionPolicy(timeout_s=WAIT_S, deadline_s=WAIT_S))
        assert (result, error) == (1, None)

    def test_that_a_listener_can_not_bear_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        class Listening(BaseAction[Params]):
            policy = ActionPolicy(timeout_s=0.01)

            def execute(self) -> None:
                token = self.ctx.cancellation
                assert token is not None

                def fail(reason: str) -> None:
                    raise OSError(reason)

                token.on_cancel(fail)
                token.wait(WAIT_S)

        assert isinstance(run(Listening)[2], ActionTimeoutError)
        assert "a function that was to hear of a cancellation raised" in caplog.text
