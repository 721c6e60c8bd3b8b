"""Command-line options made of a JSON Schema."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_BOUNDS: Final = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
_DEEPEST: Final = 8


@dataclass(frozen=True, slots=True)
class ParamOption:
    """One parameter that can be given on the command line.

    Args:
        path: Its place in the parameters: ``("optimiser", "lr")`` is given as ``--optimiser.lr``.
        schema: Its JSON Schema, free of references.
        is_required: There is no default.
    """

    path: tuple[str, ...]
    schema: Mapping[str, Any]
    is_required: bool

    @property
    def name(self) -> str:
        """Return what the option's value is called in the command's arguments."""
        return "param__" + "__".join(self.path)

    @property
    def kind(self) -> str:
        """Return the JSON type, or ``any`` where there are several."""
        kinds = {one.get("type") for one in _branches(self.schema)} - {"null"}
        found = kinds.pop() if len(kinds) == 1 else None
        return found if isinstance(found, str) else "any"

    @property
    def description(self) -> str:
        """Return what the parameter's author says of it."""
        return str(self.schema.get("description", ""))

    def flag(self, taken: Sequence[str]) -> str:
        """Return the option's name; one that the command has already gets ``params.`` before it."""
        dotted = ".".join(self.path)
        plain = f"--{dotted.replace('_', '-')}"
        return f"--params.{dotted.replace('_', '-')}" if plain in taken else plain

    def option(self, taken: Sequence[str]) -> click.Option:
        """Return the option for click. What is not given is None: defaults are the model's."""
        flag = self.flag(taken)
        text = " ".join(part for part in (self.description, self._hint()) if part)
        if self.kind == "boolean":
            names = [f"{flag}/--no-{flag[2:]}", self.name]
            return click.RichOption(names, default=None, help=text)
        choices = self.schema.get("enum")
        if choices and all(isinstance(one, str) for one in choices):
            return click.RichOption([flag, self.name], type=click.Choice(choices), default=None, help=text)
        return click.RichOption([flag, self.name], metavar=self._metavar(), default=None, help=text)

    def read(self, text: Any) -> Any:
        """Return a given text as data; what can't be read stays text, for the model to refuse."""
        if not isinstance(text, str):
            return text
        kind = self.kind
        if text == "null" and any(one.get("type") == "null" for one in _branches(self.schema)):
            return None
        if kind == "string":
            return text
        try:
            return json.loads(text)
        except ValueError:
            if kind == "array":
                return [_number_or_text(part.strip()) for part in text.split(",")]
            return text

    def _metavar(self) -> str:
        forms = {"integer": "INTEGER", "number": "NUMBER", "array": "A,B,… | JSON", "object": "JSON", "any": "VALUE"}
        if self.schema.get("format") in {"path", "file-path", "directory-path"}:
            return "PATH"
        return forms.get(self.kind, "TEXT")

    def _hint(self) -> str:
        branches = _branches(self.schema)
        bounds = [f"{sign}{one[key]}" for one in branches for key, sign in _BOUNDS.items() if key in one]
        parts = [", ".join(bounds)] if bounds else []
        if self.is_required:
            parts.append("required")
        elif self.schema.get("default") is not None:
            parts.append(f"default: {json.dumps(self.schema['default'])}")
        return f"[{'; '.join(parts)}]" if parts else ""


def param_options(schema: Mapping[str, Any]) -> tuple[ParamOption, ...]:
    """Return the options for the parameters of a JSON Schema, nested models spread out."""
    return tuple(_walk(schema, schema.get("$defs", {}), (), _DEEPEST))


def _walk(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], path: tuple[str, ...], depth: int
) -> Iterator[ParamOption]:
    required = schema.get("required", ())
    for name, raw in schema.get("properties", {}).items():
        plain = _resolved(raw, definitions)
        if plain.get("type") == "object" and plain.get("properties") and depth:
            yield from _walk(plain, definitions, (*path, name), depth - 1)
        else:
            yield ParamOption((*path, name), plain, name in required)


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference; what stands beside it wins."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    target = definitions.get(reference.rpartition("/")[2], {})
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def _branches(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    branches = schema.get("anyOf")
    return tuple(branches) if isinstance(branches, list) else (schema,)


def _number_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
