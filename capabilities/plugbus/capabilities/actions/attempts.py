"""Trying an action as its policy says."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from ..cancellation import CancellationToken
from ..errors import ActionDefinitionError, ActionTimeoutError, ParamsError, ResultError, WorkCancelledError
from ..events import ActionRetried
from .clock import SystemClock
from .time_limit import TimeLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from plugbus.kernel import Event

    from .clock import Clock
    from .invocation import ActionCall
    from .policy import ActionPolicy

# Somebody wants it to stop, or it would be refused again.
FINAL_ERRORS: Final = (WorkCancelledError, ActionDefinitionError, ParamsError, ResultError)


def run_attempts(
    call: ActionCall,
    params: BaseModel,
    policy: ActionPolicy,
    publish: Callable[[Event], None],
    clock: Clock | None = None,
) -> Any:
    """Try an action until it returns, or its policy does not allow another attempt; return its result.

    Each attempt gets an action and a context of its own, and parameters that no other attempt could change.

    Raises:
        ActionTimeoutError: Its time is over.
        WorkCancelledError: It was asked to stop, also between two attempts.
        Exception: What the last attempt raised.
    """
    clock = clock or SystemClock()
    retries, token = policy.retries, call.cancellation
    end = None if policy.deadline_s is None else clock.now_s() + policy.deadline_s
    is_repeatable = retries is not None and retries.attempts > 1
    for attempt in count(1):
        given = params.model_copy(deep=True) if is_repeatable else params
        try:
            return _attempt(call, given, policy, publish, None if end is None else end - clock.now_s())
        except Exception as error:
            if retries is None or attempt >= retries.attempts or not isinstance(error, retries.on):
                raise
            if isinstance(error, FINAL_ERRORS) or (token is not None and token.is_cancelled):
                raise
            delay_s = retries.delay_s(attempt, clock.chance())
            if end is not None and clock.now_s() + delay_s >= end:
                error.add_note(f"not tried again: deadline_s of its policy is {policy.deadline_s:g}")
                raise
            publish(ActionRetried(call.job_id, call.label, attempt, error, delay_s))
        clock.wait(delay_s, token)
        if token is not None:
            token.raise_if_cancelled(f"action '{call.label}'")
    raise AssertionError("unreachable: attempts are counted without end")


def _attempt(
    call: ActionCall, params: BaseModel, policy: ActionPolicy, publish: Callable[[Event], None], left_s: float | None
) -> Any:
    limit, seconds, after_s = "timeout_s", policy.timeout_s, policy.timeout_s
    if left_s is not None and (after_s is None or left_s < after_s):
        limit, seconds, after_s = "deadline_s", policy.deadline_s, left_s
    if seconds is None or after_s is None:
        return call.attempt(params, publish, call.cancellation)
    # A token of its own: the end of this attempt's time is not to stop the next one.
    token = CancellationToken()
    forget = None if call.cancellation is None else call.cancellation.on_cancel(token.cancel)
    time_limit = TimeLimit(token, after_s, f"its time is over, {limit} is {seconds:g}")
    try:
        with time_limit:
            result = call.attempt(params, publish, token)
    except Exception as error:
        if time_limit.is_over:
            raise ActionTimeoutError(call.label, limit, seconds) from error
        raise
    finally:
        if forget is not None:
            forget()
    if time_limit.is_over:
        raise ActionTimeoutError(call.label, limit, seconds, result)
    return result
