"""The base class of semantic data types."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from .errors import TypeDefinitionError

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


class DataType:
    """Say what data is, apart from the Python object that carries it. A type is a class; objects of it are not made.

    A subclass is a special kind of its base: every YOLO dataset is a dataset. Types are compared by class, so that a
    plugin's types need no table to be known in.

    Attributes:
        name: What it goes by in manifests, listings and messages: a letter, then letters, digits, ``_``, ``.``, ``-``.
        format: How the data is laid out, where that is fixed: ``yolo``, ``onnx``.
        description: One sentence for people.
    """

    name: ClassVar[str]
    format: ClassVar[str | None] = None
    description: ClassVar[str] = ""

    @classmethod
    def is_compatible_with(cls, other: type[DataType]) -> bool:
        """Tell whether data of one of the two types may be of the other, too; the same in both directions.

        A producer that promises no more than ``Dataset`` may well make the ``YOLODataset`` that is wanted, so that
        pair is compatible; whether it does is known when it has run. ``accepts`` is the question that has no doubt.
        """
        return issubclass(cls, other) or issubclass(other, cls)

    @classmethod
    def accepts(cls, produced: type[DataType]) -> bool:
        """Tell whether all data of ``produced`` is of this type: a ``Dataset`` accepts a ``YOLODataset``, not back."""
        return issubclass(produced, cls)


def check_type(data_type: type[DataType]) -> None:
    """Raise unless a class says all that a type has to say.

    Raises:
        TypeDefinitionError: It does not; holds every fault.
    """
    if not (isinstance(data_type, type) and issubclass(data_type, DataType)):
        raise TypeDefinitionError(
            getattr(data_type, "__qualname__", repr(data_type)), ("it is no subclass of DataType",)
        )
    faults: list[str] = []
    own = vars(data_type)
    name, form, description = own.get("name"), data_type.format, data_type.description
    if "name" not in own:
        inherited = getattr(data_type, "name", None)
        cause = "it has no name" if inherited is None else f"it has the name of its base, '{inherited}'"
        faults.append(f"{cause}; set the class attribute 'name'")
    elif not isinstance(name, str) or not _NAME.fullmatch(name):
        faults.append(f"its name is {name!r}; write a letter, then letters, digits, '_', '.' or '-'")
    if form is not None and (not isinstance(form, str) or not form.strip()):  # pyright: ignore[reportUnnecessaryIsInstance] # an author may set anything
        faults.append(f"its format is {form!r}; give a text, or None")
    if not isinstance(description, str):  # pyright: ignore[reportUnnecessaryIsInstance] # an author may set anything
        faults.append(f"its description is {description!r}; give a text")
    if faults:
        raise TypeDefinitionError(data_type.__qualname__, tuple(faults))
