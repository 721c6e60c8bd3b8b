"""Make events again from the data that was recorded of them."""

from __future__ import annotations

import collections.abc
import sys
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from types import MappingProxyType, SimpleNamespace, UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin, get_type_hints

from plugbus.kernel import CustomEvent, Event

from .. import events
from ..events import encode_value

if TYPE_CHECKING:
    from collections.abc import Mapping

# All kinds of events that this package exports, by topic.
EVENT_KINDS: Final[Mapping[str, type[Event]]] = MappingProxyType(
    {
        name: kind
        for name in events.__all__
        if isinstance(kind := getattr(events, name), type) and issubclass(kind, Event)
    }
)

_NO_NUMBERS: Final = ("nan", "inf", "-inf")


class RecordedError(Exception):
    """Stand for an exception in an event that was recorded. No code is looked up and run to make the true one.

    Args:
        kind: The qualified name of the exception's class, such as ``builtins.ValueError``.
        message: What it said.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


class EventRebuilder:
    """Make events from their topic and data.

    Of a known kind each field is given back what JSON has no form for, as far as its annotation tells: numbers such as
    ``nan``, enums, tuples, sets, paths, dataclasses, and exceptions as ``RecordedError``. Nothing else is converted;
    what the values must be is for the event class to check.

    Args:
        kinds: Event classes by topic.
    """

    def __init__(self, kinds: Mapping[str, type[Event]]) -> None:
        self._kinds = kinds
        self._hints: dict[type[Any], dict[str, Any]] = {}

    def rebuild(self, topic: str, data: Any, *, is_custom: bool) -> Event:
        """Return an event of the class that the topic has, else a custom event with the very data.

        Raises:
            ValueError: The data is not what the class needs; names everything that is wrong.
        """
        kind = None if is_custom else self._kinds.get(topic)
        if kind is None:
            return CustomEvent(topic, data)
        if not isinstance(data, dict):
            raise ValueError(f"the data of {kind.__name__} is {data!r}; give an object with its fields")  # noqa: TRY004 - the data is wrong
        declared = {one.name: one for one in fields(kind)}
        faults = [
            f"field '{name}' of {kind.__name__} is missing"
            for name, one in declared.items()
            if name not in data and _is_needed(one)
        ]
        faults += [f"{kind.__name__} has no field '{name}'" for name in data if name not in declared]
        if faults:
            raise ValueError("; ".join(faults))
        try:
            return kind(**self._arguments(kind, data))
        except Exception as error:
            raise ValueError(f"{kind.__name__} refuses it: {error}") from error

    def _arguments(self, kind: type[Any], data: dict[str, Any]) -> dict[str, Any]:
        hints = self._hints.get(kind)
        if hints is None:
            hints = self._hints[kind] = {one.name: _hint_of(kind, one) for one in fields(kind) if one.init}
        return {name: self._restore(data[name], hint) for name, hint in hints.items() if name in data}

    def _restore(self, value: Any, hint: Any) -> Any:
        """Undo what writing as JSON did to a value that was declared as ``hint``."""
        kind = get_origin(hint) or hint
        if kind is Union or kind is UnionType:
            return self._restore_one_of(value, get_args(hint))
        if not isinstance(kind, type):
            return value
        if issubclass(kind, Enum):
            return next((one for one in kind if encode_value(one) == value), value)
        if isinstance(value, str):
            if kind is float and value in _NO_NUMBERS:
                return float(value)
            return kind(value) if issubclass(kind, PurePath) else value
        if isinstance(value, list):
            return self._restore_items(value, kind, get_args(hint))
        if isinstance(value, dict):
            return self._restore_object(value, kind, get_args(hint))
        return value

    def _restore_one_of(self, value: Any, hints: tuple[Any, ...]) -> Any:
        if type(value) in hints:
            return value
        restored = (self._restore(value, hint) for hint in hints)
        return next((one for one in restored if one is not value), value)

    def _restore_items(self, value: list[Any], kind: type[Any], hints: tuple[Any, ...]) -> Any:
        if kind is tuple and hints[-1:] != (...,) and len(hints) == len(value):
            return tuple(self._restore(one, hint) for one, hint in zip(value, hints, strict=True))
        items = [self._restore(one, hints[0]) for one in value] if hints else value
        return kind(items) if kind in {tuple, set, frozenset} else items

    def _restore_object(self, value: dict[str, Any], kind: type[Any], hints: tuple[Any, ...]) -> Any:
        if issubclass(kind, BaseException) and value.keys() == {"error", "message"}:
            return RecordedError(value["error"], value["message"])
        if is_dataclass(kind) and value.keys() == {one.name for one in fields(kind)}:
            return kind(**self._arguments(kind, value))
        if issubclass(kind, collections.abc.Mapping) and len(hints) == 2:
            return {name: self._restore(one, hints[1]) for name, one in value.items()}
        return value


def _is_needed(field: Field[Any]) -> bool:
    return field.init and field.default is MISSING and field.default_factory is MISSING


def _hint_of(kind: type[Any], field: Field[Any]) -> Any:
    """Return the annotation of a field as an object; ``Any`` where a name of it can't be found."""
    # A field is the same object in the class that declares it and in those that inherit it.
    home = [one for one in kind.__mro__ if one.__dict__.get("__dataclass_fields__", {}).get(field.name) is field][-1]
    # What is imported for type checkers alone can't be found in the module, and is mostly from there.
    names = {**vars(collections.abc), **vars(sys.modules.get(home.__module__, collections.abc))}
    try:
        return get_type_hints(SimpleNamespace(__annotations__={field.name: field.type}), names)[field.name]
    except Exception:  # noqa: BLE001 - an annotation may hold any expression; its value is then left as it is
        return Any
