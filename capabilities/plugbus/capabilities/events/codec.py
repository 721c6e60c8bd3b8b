"""Events as plain data, for files and the wire."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from plugbus.kernel import Event

_DEEPEST: Final = 32
# Python writes no longer numbers in decimal where it is told to be careful (sys.set_int_max_str_digits).
_MOST_BITS: Final = 2048


def encode_event(event: Event) -> dict[str, Any]:
    """Return an event as JSON data: ``type`` is its topic, the rest are its fields in their order."""
    encoded: dict[str, Any] = {"type": event.topic}
    for one in fields(event):
        encoded[one.name] = encode_value(getattr(event, one.name))
    return encoded


def encode_value(value: object) -> Any:
    """Return a value as JSON data, the keys of mappings in their order. Never raises.

    Numbers that JSON does not have become the texts ``nan``, ``inf`` and ``-inf``; exceptions their type and message;
    what has no form of its own, or lies deeper than 32 levels, its ``repr``, so that nothing is lost silently; what
    contains itself is named where it comes again.
    """
    return _encode(value, ())


def _encode(value: Any, around: tuple[int, ...]) -> Any:
    """Encode what lies inside the objects with the ids ``around``."""
    if value is None or (isinstance(value, bool | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, int) and not isinstance(value, Enum):
        return value if value.bit_length() <= _MOST_BITS else hex(value)
    if isinstance(value, float) and not isinstance(value, Enum):
        return value if math.isfinite(value) else str(float(value))
    if id(value) in around:
        return f"<cycle: {type(value).__qualname__}>"
    if len(around) == _DEEPEST:
        return _text(value, repr)
    try:
        return _structure(value, (*around, id(value)))
    except Exception:  # noqa: BLE001 - an object that can't be looked into is no reason to lose the event around it
        return _text(value, repr)


def _structure(value: Any, around: tuple[int, ...]) -> Any:
    if isinstance(value, Enum):
        return _encode(value.value, around)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, BaseException):
        return {"error": f"{type(value).__module__}.{type(value).__qualname__}", "message": _text(value, str)}
    if isinstance(value, Mapping):
        # Settings say themselves what may be shown of them.
        shown = getattr(value, "masked", None)
        if callable(shown):
            value = shown()
        encoded: dict[str, Any] = {}
        for key, one in value.items():
            name = str(key)
            # 1 and "1" are two keys here and one in JSON.
            encoded[name if name not in encoded else repr(key)] = _encode(one, around)
        return encoded
    if isinstance(value, list | tuple):
        return [_encode(one, around) for one in value]
    if isinstance(value, Set):
        return sorted((_encode(one, around) for one in value), key=repr)
    if isinstance(value, type):
        return repr(value)
    if is_dataclass(value):
        return {one.name: _encode(getattr(value, one.name), around) for one in fields(value)}
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return _encode(dump(mode="json"), around)
    # A numpy scalar is a number to everyone but isinstance.
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():
        return _encode(item(), around)
    return repr(value)


def _text(value: object, write: Callable[[Any], str]) -> str:
    try:
        return write(value)
    except Exception as error:  # noqa: BLE001 - see _encode
        return f"<{type(value).__qualname__} without text: {type(error).__qualname__}>"
