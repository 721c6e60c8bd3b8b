"""What calls of steps return, waited for where there is an event loop."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from .errors import AsyncStepError, StepResultError
from .result import StepResult


async def settled(returned: Any, step: str, *, may_await: bool) -> Any:
    """Return what was returned, or what comes of it if it has to be awaited.

    Raises:
        AsyncStepError: It has to be, and there is no event loop.
    """
    if not isinstance(returned, Awaitable):
        return returned
    if may_await:
        return await returned
    # A coroutine that is dropped unawaited is a warning, which would hide the error.
    close = getattr(returned, "close", None)
    if callable(close):
        close()
    raise AsyncStepError((step,))


async def settled_result(returned: Any, step: str, *, may_await: bool) -> StepResult:
    """Return the result of a step.

    Raises:
        AsyncStepError: It has to be awaited, and there is no event loop.
        StepResultError: It is no ``StepResult``.
    """
    result = await settled(returned, step, may_await=may_await)
    if not isinstance(result, StepResult):
        raise StepResultError(step, "None" if result is None else f"a {type(result).__qualname__}")
    return result


def told(error: BaseException) -> str:
    """Return what an exception says, or the name of its class where it says nothing."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a step's own error may be broken, and the rollback must go on
        text = ""
    return text or type(error).__qualname__
