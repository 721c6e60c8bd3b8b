"""Events as plain data, for files and the wire."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugbus.kernel import Event

_DEEPEST = 32


def encode_event(event: Event) -> dict[str, Any]:
    """Return an event as JSON data: ``type`` is its topic, the rest are its fields in their order."""
    encoded: dict[str, Any] = {"type": event.topic}
    for one in fields(event):
        encoded[one.name] = encode_value(getattr(event, one.name))
    return encoded


def encode_value(value: object, *, depth: int = _DEEPEST) -> Any:
    """Return a value as JSON data, the keys of mappings in their order.

    Numbers that JSON does not have become the texts ``nan``, ``inf`` and ``-inf``; exceptions their type and message;
    what has no form of its own its ``repr``, so that nothing is lost silently.
    """
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth == 0:
        return repr(value)
    if isinstance(value, Enum):
        return encode_value(value.value, depth=depth - 1)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, BaseException):
        return {"error": f"{type(value).__module__}.{type(value).__qualname__}", "message": str(value)}
    if isinstance(value, Mapping):
        return {str(key): encode_value(one, depth=depth - 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [encode_value(one, depth=depth - 1) for one in value]
    if isinstance(value, Set):
        return sorted((encode_value(one, depth=depth - 1) for one in value), key=repr)
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: encode_value(getattr(value, one.name), depth=depth - 1) for one in fields(value)}
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return encode_value(dump(mode="json"), depth=depth - 1)
    # A numpy scalar is a number to everyone but isinstance.
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():
        return encode_value(item(), depth=depth - 1)
    return repr(value)
