"""Whether a call would make a coroutine or an async generator, which nothing awaits in a synchronous kernel."""

from __future__ import annotations

from types import FunctionType, MethodType, WrapperDescriptorType

_ASYNC = 0x80 | 0x200  # inspect.CO_COROUTINE and inspect.CO_ASYNC_GENERATOR


def is_plain_method(call: object) -> bool:
    """Tell whether ``call`` is a method written with ``def`` and not marked as anything else, as most hooks are."""
    if type(call) is not MethodType or type(plain := call.__func__) is not FunctionType:
        return False
    return not plain.__code__.co_flags & _ASYNC and not plain.__dict__


def is_async(call: object) -> bool:
    """Tell whether ``call`` was written with ``async def``, or marked as such.

    ``inspect`` takes 4 ms to import and 0.9 us to answer; it is asked only about what is no plain function or method.
    """
    plain = call.__func__ if type(call) is MethodType else call
    if type(plain) is FunctionType and not plain.__dict__:  # a mark lies in there
        return bool(plain.__code__.co_flags & _ASYNC)
    if type(plain) is WrapperDescriptorType:  # what calls objects of a built-in type
        return False
    from inspect import isasyncgenfunction, iscoroutinefunction

    return iscoroutinefunction(call) or isasyncgenfunction(call)
