"""Running what an async action returned, from code that is not async."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from ..cancellation import CancellationToken
from ..errors import WorkCancelledError

if TYPE_CHECKING:
    from collections.abc import Coroutine


def run_coroutine(coroutine: Coroutine[Any, Any, Any], token: CancellationToken | None, work: str) -> Any:
    """Run a coroutine to its end in an event loop of its own, and return its result.

    It sees the context variables of the caller. Where this thread has a running loop already, the new one runs in a
    thread of its own, and this one waits: the running loop stands still meanwhile, as with all work that is not async.

    Args:
        coroutine: What is run.
        token: When it is cancelled, so is the coroutine, where it awaits.
        work: What is run, for the message.

    Raises:
        WorkCancelledError: The coroutine was cancelled.
        BaseException: What it raises.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(coroutine, token, work)
    own = CancellationToken()
    forget = None if token is None else token.on_cancel(own.cancel)
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="plugbus-action") as pool:
            future = pool.submit(copy_context().run, _run, coroutine, own, work)
            try:
                return future.result()
            except BaseException:
                # An interrupt came to the thread that waits; the other one is not left to itself.
                own.cancel("the thread that waits for it was interrupted")
                raise
    finally:
        if forget is not None:
            forget()


def _run(coroutine: Coroutine[Any, Any, Any], token: CancellationToken | None, work: str) -> Any:
    try:
        with asyncio.Runner() as runner:
            return runner.run(_watched(coroutine, token))
    except asyncio.CancelledError as error:
        reason = None if token is None else token.reason
        raise WorkCancelledError(work, reason or "it cancelled itself") from error


async def _watched(coroutine: Coroutine[Any, Any, Any], token: CancellationToken | None) -> Any:
    if token is None:
        return await coroutine
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - this is a coroutine

    def cancel(reason: str) -> None:
        # The loop may have been closed between the decision to call this and now.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(task.cancel, reason)

    forget = token.on_cancel(cancel)
    try:
        return await coroutine
    finally:
        forget()
