"""Command-line options made of a JSON Schema."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RESERVED: Final = frozenset({"--params", "--executor", "--tag", "--notes", "--json", "--help"})
"""What every action's command has of its own; a parameter of such a name is given as ``--params.json``."""

_BOUNDS: Final = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
_DEEPEST: Final = 8
_PATHS: Final = frozenset({"path", "file-path", "directory-path"})


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
        found = self._form.get("type")
        return found if isinstance(found, str) else "any"

    @property
    def description(self) -> str:
        """Return what the parameter's author says of it."""
        return str(self.schema.get("description", ""))

    @property
    def flag(self) -> str:
        """Return the option's name."""
        dotted = ".".join(self.path).replace("_", "-")
        return f"--params.{dotted}" if f"--{dotted}" in RESERVED else f"--{dotted}"

    @property
    def default_text(self) -> str:
        """Return the default as it would be given; empty where there is none that says anything."""
        default = self.schema.get("default")
        if default is None or default in ([], {}, ""):
            return ""
        return default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)

    def option(self) -> click.Option:
        """Return the option for click. What is not given is None: defaults are the model's."""
        text = " ".join(part for part in (self.description, self._hint()) if part)
        if self.kind == "boolean":
            names = [f"{self.flag}/--no-{self.flag[2:]}", self.name]
            return click.RichOption(names, default=None, help=text)
        choices = self._form.get("enum")
        if choices and all(isinstance(one, str) for one in choices):
            given = [*choices, "null"] if self._is_nullable else choices
            return click.RichOption([self.flag, self.name], type=click.Choice(given), default=None, help=text)
        return click.RichOption([self.flag, self.name], metavar=self._metavar(), default=None, help=text)

    def read(self, text: Any) -> Any:
        """Return a given text as data; what can't be read stays text, for the model to refuse."""
        if not isinstance(text, str):
            return text
        if text == "null" and self._is_nullable:
            return None
        kind = self.kind
        if kind == "string":
            return text
        parsed = _json_or_text(text)
        if kind in {"integer", "number"}:
            # A model takes true for 1; on a command line it is a mistake.
            return parsed if isinstance(parsed, int | float) and not isinstance(parsed, bool) else text
        if kind == "array" and not isinstance(parsed, list):
            parts = [part.strip() for part in text.split(",")] if text.strip() else []
            is_text = self._form.get("items", {}).get("type") == "string"
            return parts if is_text else [_json_or_text(part) for part in parts]
        return parsed

    @property
    def _form(self) -> Mapping[str, Any]:
        """Return the schema of what is not null, if that is one."""
        forms = [one for one in _branches(self.schema) if one.get("type") != "null"]
        return forms[0] if len(forms) == 1 else {}

    @property
    def _is_nullable(self) -> bool:
        return any(one.get("type") == "null" for one in _branches(self.schema))

    def _metavar(self) -> str:
        forms = {"integer": "INTEGER", "number": "NUMBER", "array": "A,B,… | JSON", "object": "JSON", "any": "VALUE"}
        return "PATH" if self._form.get("format") in _PATHS else forms.get(self.kind, "TEXT")

    def _hint(self) -> str:
        bounds = [f"{sign}{one[key]}" for one in _branches(self.schema) for key, sign in _BOUNDS.items() if key in one]
        parts = [", ".join(bounds)] if bounds else []
        if self.is_required:
            parts.append("required")
        elif self.default_text:
            parts.append(f"default: {self.default_text}")
        return f"[{'; '.join(parts)}]" if parts else ""


@dataclass(frozen=True, slots=True)
class ParamSection:
    """A nested model, whose parameters are options of their own.

    Args:
        path: Its place in the parameters.
        default: What stands there if nothing is given; None where there is no default.
        is_required: There is no default.
    """

    path: tuple[str, ...]
    default: Mapping[str, Any] | None
    is_required: bool


def param_options(schema: Mapping[str, Any]) -> tuple[ParamOption, ...]:
    """Return the options for the parameters of a JSON Schema, nested models spread out."""
    return tuple(one for one in _walk(schema) if isinstance(one, ParamOption))


def param_sections(schema: Mapping[str, Any]) -> tuple[ParamSection, ...]:
    """Return the nested models of a JSON Schema, each before those inside it."""
    return tuple(one for one in _walk(schema) if isinstance(one, ParamSection))


def _walk(schema: Mapping[str, Any]) -> Iterator[ParamOption | ParamSection]:
    definitions = schema.get("$defs", {})

    def inside(
        model: Mapping[str, Any], path: tuple[str, ...], defaults: Mapping[str, Any], *, is_needed: bool
    ) -> Iterator[ParamOption | ParamSection]:
        required = model.get("required", ())
        for name, raw in model.get("properties", {}).items():
            plain = _resolved(raw, definitions)
            if name in defaults:
                # The default of the model around it says otherwise than the parameter's own.
                plain = {**plain, "default": defaults[name]}
            here, is_required = (*path, name), is_needed and name in required and name not in defaults
            if plain.get("type") == "object" and plain.get("properties") and len(here) <= _DEEPEST:
                default = plain.get("default")
                known = default if isinstance(default, dict) else None
                yield ParamSection(here, known, is_required)
                yield from inside(plain, here, known or {}, is_needed=is_required)
            else:
                yield ParamOption(here, plain, is_required)

    yield from inside(schema, (), {}, is_needed=True)


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow the references of a parameter, its alternatives and its items; what stands beside one wins."""
    found = _followed(schema, definitions)
    if isinstance(found.get("anyOf"), list):
        found = {**found, "anyOf": [_resolved(one, definitions) for one in found["anyOf"]]}
    if isinstance(found.get("items"), dict):
        found = {**found, "items": _followed(found["items"], definitions)}
    return found


def _followed(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    target = definitions.get(reference.rpartition("/")[2], {})
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def _branches(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    branches = schema.get("anyOf")
    return tuple(branches) if isinstance(branches, list) else (schema,)


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
