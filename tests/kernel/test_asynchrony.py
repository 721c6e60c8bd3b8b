"""Whether a call is async is told as ``inspect`` tells it, and mostly without it."""

from __future__ import annotations

import inspect
from functools import partial, wraps
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock, Mock

import pytest

from plugbus.kernel import Kernel, Plugin, PluginLoadError, PluginMetadata
from plugbus.kernel.asynchrony import is_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


async def wait(event: object) -> None: ...


async def generate(event: object) -> AsyncIterator[object]:
    yield event


def generate_now(event: object) -> Iterator[object]:
    yield event


def hear(event: object) -> None: ...


@wraps(wait)
def wrapper(event: object) -> None: ...


class Waiting:
    async def wait(self, event: object) -> None: ...

    @classmethod
    async def wait_for_all(cls, event: object) -> None: ...

    @staticmethod
    async def wait_for_one(event: object) -> None: ...

    async def __call__(self, event: object) -> None: ...


class Hearing:
    def hear(self, event: object) -> None: ...

    def __call__(self, event: object) -> None: ...


def marked(event: object) -> None: ...


getattr(inspect, "markcoroutinefunction", id)(marked)  # newer than the oldest Python that is promised


CALLS: tuple[Any, ...] = (
    wait, generate, generate_now, hear, wrapper, marked, Waiting().wait, Waiting.wait, Waiting.wait_for_all,
    Waiting().wait_for_one, Waiting(), Waiting().__call__, type(Waiting()).__call__, Hearing().hear, Hearing(),
    type(Hearing()).__call__, partial(wait), partial(hear), AsyncMock(), Mock(), print, [].append, type(print).__call__,
    int, type(hear).__call__, lambda event: None,
)  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
def test_a_call_is_async_where_inspect_says_so(call: Any) -> None:
    assert is_async(call) is (inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call))


def test_some_calls_are_async_and_some_are_not() -> None:
    assert {is_async(call) for call in CALLS} == {True, False}
    assert is_async(Waiting().wait)
    assert is_async(generate)


def test_a_hook_that_is_an_async_generator_is_refused() -> None:
    class Generating(Plugin):
        metadata = PluginMetadata("generating", "1.0.0")
        on_load: Any = generate

    with Kernel() as kernel:
        kernel.register(Generating())
        with pytest.raises(PluginLoadError, match="its 'on_load' is 'async def', which nothing awaits"):
            kernel.load("generating")
