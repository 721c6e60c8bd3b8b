"""Say for people how one object holds another. No code of the objects runs: neither ``repr`` nor a property."""

from __future__ import annotations

from collections import deque
from functools import partial
from types import (
    BuiltinMethodType,
    CellType,
    FrameType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    TracebackType,
)
from typing import TYPE_CHECKING, Any

from .ownership import name_of_class, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .ownership import Ownership

_PLAIN = (str, int, float, bool, bytes, type(None))
_LONGEST = 40


def attributes_of(one: object) -> dict[str, Any] | None:
    """Return an object's ``__dict__`` as it is, past what its class makes of it; None where it has none."""
    try:
        found = object.__getattribute__(one, "__dict__")
    except AttributeError:
        return None
    return found if isinstance(found, dict) else None


def describe_key(key: object) -> str:
    """Write a key of a mapping, in full where it is plain."""
    if type(key) in _PLAIN:
        text = repr(key)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return f"of type {type(key).__qualname__}"


def describe_object(one: object, ownership: Ownership) -> str:
    """Name an object: what it is called, or what it is made of."""
    kind = type(one)
    if issubclass(kind, type):
        return name_of_class(one, ownership)  # type: ignore[arg-type] # type() tells more than isinstance
    if isinstance(one, FunctionType):
        module = ownership.short(str(one.__globals__.get("__name__", "")))
        return f"{module}.{one.__qualname__}" if module else one.__qualname__
    if issubclass(kind, ModuleType):
        name = str((attributes_of(one) or {}).get("__name__", ""))
        return ownership.short(name) or name
    if isinstance(one, dict) and "__builtins__" in one:
        return f"the globals of {ownership.short(str(one.get('__name__', ''))) or '__init__'}"
    return name_of_class(kind, ownership)


def describe_hold(held: object, holder: object, beyond: object, ownership: Ownership) -> str:
    """Say how ``holder`` holds ``held``; empty where ``beyond``, which holds the holder, says it better.

    Args:
        held: The object.
        holder: What refers to it.
        beyond: What refers to the holder, None at the end.
        ownership: Shortens names.
    """
    kind = type(holder)
    if type(held) is dict and _is_dict_of(held, holder):
        return ""  # told with what is in it
    if isinstance(holder, dict):
        return _of_dict(held, holder, beyond, ownership)
    if isinstance(holder, (list, tuple, deque)):
        if isinstance(beyond, FunctionType):
            return ""
        place = next((number for number, one in enumerate(tuple(holder)) if one is held), None)
        return f"item {place} of a {kind.__qualname__}"
    if isinstance(holder, (set, frozenset)):
        return f"item of a {kind.__qualname__}"
    if isinstance(holder, CellType):
        return "" if type(beyond) is tuple else "variable of a closure"
    if isinstance(holder, FunctionType):
        return _of_function(held, holder, ownership)
    if isinstance(holder, (MethodType, BuiltinMethodType)):
        return f"bound method '{holder.__name__}'"
    if isinstance(holder, partial):
        return "a functools.partial"
    if isinstance(holder, FrameType):
        return f"local variable of {holder.f_code.co_qualname} ({place_of(holder.f_code, holder.f_lineno)})"
    if isinstance(holder, TracebackType):
        return "a traceback"
    if issubclass(kind, type):
        bases = map(id, type.__dict__["__bases__"].__get__(holder))
        how = "base" if id(held) in bases else _attribute(held, vars(holder))
        return f"{how} of class {name_of_class(holder, ownership)}"  # type: ignore[arg-type] # as above
    name = getattr(type(holder), "__qualname__", "")
    code = getattr(holder, "gi_code", None) or getattr(holder, "cr_code", None) if name in _SUSPENDED else None
    if code is not None:
        return f"local variable of {name} {code.co_qualname} ({place_of(code)})"
    return f"{_attribute(held, _slots_and_attributes(holder))} of {name_of_class(kind, ownership)}"


_SUSPENDED = {"generator", "coroutine"}


def _is_dict_of(namespace: dict[Any, Any], owner: object) -> bool:
    """Tell whether a dict is where an object, or a class, has its attributes."""
    if isinstance(owner, type):
        return bool(namespace) and namespace.keys() == vars(owner).keys()
    return attributes_of(owner) is namespace


def _of_dict(held: object, holder: dict[Any, Any], beyond: object, ownership: Ownership) -> str:
    if beyond is not None and _is_dict_of(holder, beyond):
        which = "class " if isinstance(beyond, type) else "function " if isinstance(beyond, FunctionType) else ""
        return f"{_attribute(held, holder)} of {which}{describe_object(beyond, ownership)}"
    for key, value in tuple(holder.items()):
        if value is held:
            return f"value of key {describe_key(key)} of a dict"
    return "key of a dict"


def _of_function(held: object, holder: FunctionType, ownership: Ownership) -> str:
    name = describe_object(holder, ownership)
    if isinstance(held, dict) and held is holder.__globals__:
        return f"globals of function {name}"
    if held is holder.__defaults__ or held is holder.__kwdefaults__:
        return f"default of function {name}"
    if held is holder.__closure__:
        return f"closure of function {name}"
    return f"attribute of function {name}"


def _attribute(held: object, attributes: Mapping[str, Any]) -> str:
    found = next((key for key, value in tuple(attributes.items()) if value is held), None)
    return "something inside" if found is None else f"attribute {describe_key(found)}"


def _slots_and_attributes(one: object) -> dict[str, Any]:
    found = dict(attributes_of(one) or {})
    for kind in type.__dict__["__mro__"].__get__(type(one)):
        for name, member in vars(kind).items():
            if isinstance(member, MemberDescriptorType):
                try:
                    found.setdefault(name, member.__get__(one))
                except AttributeError:
                    continue  # a slot that holds nothing
    return found
