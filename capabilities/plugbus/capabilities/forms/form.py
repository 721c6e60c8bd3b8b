"""A form as a tree of fields: what a JSON Schema asks for, before it is written in the words of a form library."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .hints import Hints


class FieldKind(Enum):
    """How a value is asked for."""

    TEXT = auto()
    INTEGER = auto()
    """A number in a number's input; one that a browser can't hold exactly is ``INTEGER_TEXT``."""
    INTEGER_TEXT = auto()
    NUMBER = auto()
    NUMBER_TEXT = auto()
    CHECKBOX = auto()
    CHOICE = auto()
    CHOICES = auto()
    DATE = auto()
    TIME = auto()
    DATETIME = auto()
    SECRET = auto()
    CONSTANT = auto()
    JSON = auto()
    """Whatever nothing else fits: written as JSON."""
    GROUP = auto()
    LIST = auto()
    UNION = auto()


class _Unset(Enum):
    UNSET = auto()


UNSET: Final = _Unset.UNSET
"""Stands where there is no default, and where nothing was sent."""


@dataclass(frozen=True, slots=True)
class Option:
    """One value that can be chosen."""

    label: str
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of a form.

    Args:
        key: Its key in the parameters; of an item of a list it is empty.
        name: Its name in the form: the key, or a stand-in where a form could not take the key.
        kind: How it is asked for.
        label: What is written before it.
        schema: Its JSON Schema, without references, and without the alternative ``null``.
        is_required: The parameters have to hold it.
        is_nullable: It may be ``null``.
        default: What is shown before anybody has edited, as the parameters have it.
        hints: What the author asked for.
        offset: Of times: the offset from UTC that is not shown, such as ``+02:00``; ``aware`` where one is needed.
        options: What can be chosen.
        fields: Of a group.
        item: Of a list.
        tag: Of a union: the key that tells the alternatives apart.
        variants: Of a union: each value of the tag with its fields.
        switch: Of a group that may be ``null``: the name of the checkbox that says whether there is one.
    """

    key: str
    name: str
    kind: FieldKind
    label: str
    schema: Mapping[str, Any]
    is_required: bool
    is_nullable: bool
    default: Any
    hints: Hints
    offset: str | None = None
    options: tuple[Option, ...] = ()
    fields: tuple[FormField, ...] = ()
    item: FormField | None = None
    tag: FormField | None = None
    variants: tuple[tuple[Option, tuple[FormField, ...]], ...] = ()
    switch: str | None = None

    @property
    def is_optional(self) -> bool:
        """Say that it may be left out, and that nobody but the model knows what it is then."""
        return not self.is_required and self.default is UNSET

    @property
    def shown_fields(self) -> Iterator[FormField]:
        """Return the fields of a group that are shown, in the order that the author asked for."""
        shown = [one for one in self.fields if not one.hints.is_hidden]
        return iter(sorted(shown, key=lambda one: one.hints.order))
