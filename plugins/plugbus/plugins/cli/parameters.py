"""Parameters from a file and from options, validated together, each fault told where it was given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click
from pydantic import BaseModel

from plugbus.capabilities import ActionDefinitionError, SchemaError, params_schema
from plugbus.loaders import Document, DocumentError, Fault, Position, read_document, validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from plugbus.capabilities import BaseAction

    from .options import ParamSection

M = TypeVar("M", bound=BaseModel)

COMMAND_LINE = "command line"


def described(action_cls: type[BaseAction[Any]], name: str) -> tuple[type[BaseModel], dict[str, Any]]:
    """Return the model of an action's parameters, and its JSON Schema.

    Raises:
        ActionDefinitionError: It has none that options could be made of.
    """
    model: type[BaseModel] | None = getattr(action_cls, "params_model", None)
    if model is None:
        cause = "it has no parameter model; write BaseAction[YourParams], or set params_model"
        raise ActionDefinitionError(name, cause)
    try:
        return model, params_schema(model)
    except SchemaError as error:
        raise ActionDefinitionError(name, error.cause) from error


def gather(
    model: type[M],
    file: Path | None,
    given: Mapping[tuple[str, ...], Any],
    flags: Mapping[tuple[str, ...], str],
    sections: Iterable[ParamSection] = (),
) -> M:
    """Return the parameters: what the file says, and over it what was given as options.

    An option for one parameter of a nested model leaves the others as the model's default has them.

    Args:
        model: The parameters' model.
        file: A YAML or JSON file.
        given: Path of a parameter to its value.
        flags: Path of a parameter to the option that it is given by.
        sections: The nested models, each before those inside it.

    Raises:
        DocumentError: The file is no YAML.
        UsageError: The parameters do not fit; tells every fault.
    """
    empty = Document(source=COMMAND_LINE, data={}, positions={}, key_positions={}, spellings={})
    document = empty if file is None else read_document(file)
    data = document.data
    if not isinstance(data, dict):
        raise click.UsageError(f"{document.source}: parameters are a mapping of names to values")
    merged: dict[str, Any] = dict(data)
    for section in sections:
        is_touched = any(path[: len(section.path)] == section.path for path in given)
        # Nobody can give a whole model as an option: where one is required, its parameters are asked for one by one.
        if not _has(merged, section.path) and (is_touched or (section.is_required and file is None)):
            _put(merged, section.path, dict(section.default or {}))
    for path, value in given.items():
        _put(merged, path, value)
    try:
        return validate(model, replace(document, data=merged, positions={**_everywhere(merged), **document.positions}))
    except DocumentError as error:
        told = [_told(fault, given, flags, is_file=file is not None) for fault in error.faults]
        raise click.UsageError("\n".join(told)) from error


def _everywhere(value: object, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], Position]:
    """Give every value a place; what was given as an option has none in the file, and is told by its option."""
    found = {path: Position(1, 1)}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found |= _everywhere(inner, (*path, key))
    return found


def _has(data: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True


def _put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        inner = data.get(part)
        data[part] = data = dict(inner) if isinstance(inner, dict) else {}
    data[path[-1]] = value


def _told(
    fault: Fault, given: Mapping[tuple[str, ...], Any], flags: Mapping[tuple[str, ...], str], *, is_file: bool
) -> str:
    path = tuple(str(part) for part in fault.path)
    tail = f"; {fault.remedy}" if fault.remedy else ""
    for option in given:
        if path[: len(option)] == option:
            inner = "".join(f"[{part}]" for part in path[len(option) :])
            return f"{flags[option]}{inner}: {fault.why}{tail}"
    if is_file:
        return str(fault)
    for option, flag in flags.items():
        if option[:-1] == path and fault.why == f"missing key {option[-1]!r}":
            return f"{flag} is missing"
    return fault.text
