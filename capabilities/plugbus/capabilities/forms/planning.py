"""From a JSON Schema to a form: which field is asked for how."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from .decoding import decode_value
from .errors import SchemaError
from .form import UNSET, FieldKind, FormField, Option
from .hints import NO_HINTS, read_hints
from .options import are_told_apart, is_option, label_of, read_options
from .resolving import Resolver, branches_of
from .scalars import is_shown_whole, scalar_kind, zone_offset
from .secrets import is_secret, shown_values
from .showing import shown_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEEPEST: Final = 8
"""Models nested deeper than this are written as JSON."""
MOST_FIELDS: Final = 5_000
"""What comes after so many fields is written as JSON: models that hold each other many times over grow without end."""

_SAFE_NAME: Final = re.compile(r"(?!__)[^\W\d][\w -]*")
_TAKEN_NAMES: Final = frozenset({"constructor", "prototype", "hasOwnProperty", "toString", "valueOf"})
_NULL: Final = Option("(none)", None)


def plan_form(schema: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> FormField:
    """Return the form of a JSON Schema, as a group.

    Args:
        schema: The JSON Schema of an object.
        values: What is shown in place of the defaults: JSON, such as ``model_dump(mode="json", by_alias=True)``.
            Secrets among it are not shown, and no secret has to be given again.

    Raises:
        SchemaError: It is not that of an object.
    """
    planner = _Planner(dict(schema), is_editing=values is not None)
    return planner.form(UNSET if values is None else shown_values(dict(schema), dict(values)))


class _Planner:
    def __init__(self, schema: dict[str, Any], *, is_editing: bool) -> None:
        self._resolver = Resolver(schema)
        self._schema = schema
        self._is_editing = is_editing
        self._left = MOST_FIELDS

    def form(self, given: Any) -> FormField:
        found, references = self._resolver.follow(self._schema)
        title = found.get("title")
        name = title if isinstance(title, str) else "parameters"
        if found.get("type") != "object":
            raise SchemaError(name, "a form is made of the JSON Schema of an object, such as that of a model")
        return FormField(
            key="", name="", kind=FieldKind.GROUP, label=name, schema=found, is_required=True, is_nullable=False,
            default=UNSET, hints=NO_HINTS, fields=self._fields(found, given, frozenset(("#", *references)), 0),
        )  # fmt: skip

    def _fields(
        self, schema: dict[str, Any], given: Any, seen: frozenset[str], depth: int, without: str | None = None
    ) -> tuple[FormField, ...]:
        """Return the fields of an object; ``given`` holds values that win over their defaults."""
        properties = schema.get("properties")
        required = schema.get("required")
        wanted = frozenset(one for one in required if isinstance(one, str)) if isinstance(required, list) else ()
        known: dict[str, Any] = properties if isinstance(properties, dict) else {}
        names = form_names(known)
        found: list[FormField] = []
        for key, one in known.items():
            if key == without:
                continue
            default = given.get(key, UNSET) if isinstance(given, dict) else UNSET
            found.append(self._field(key, names[key], one, default, key in wanted, seen, depth))
        return tuple(found)

    def _field(
        self, key: str, name: str, raw: Any, given: Any, is_required: bool, seen: frozenset[str], depth: int
    ) -> FormField:
        self._left -= 1
        schema, references, is_nullable = self._without_null(raw)
        default = given
        if default is UNSET and not is_required:
            default = schema.get("default", UNSET)
        hints = read_hints(schema)
        plain = FormField(
            key=key, name=name, kind=FieldKind.JSON, label=_label(key, raw), schema=schema, is_required=is_required,
            is_nullable=is_nullable or ("const" in schema and schema["const"] is None), default=default, hints=hints,
        )  # fmt: skip
        if hints.is_hidden and is_required:
            plain = replace(plain, hints=replace(hints, is_hidden=False))
        inner = seen.union(references)
        is_endless = not seen.isdisjoint(references) or depth >= DEEPEST or self._left <= 0
        found = self._as_choice(plain) or self._as_structure(plain, inner, depth, is_endless) or _as_scalar(plain)
        return replace(found, is_required=False) if found.kind is FieldKind.SECRET and self._is_editing else found

    def _without_null(self, raw: Any, depth: int = 0) -> tuple[dict[str, Any], tuple[str, ...], bool]:
        """Return a schema without references and without the alternative ``null``."""
        found, references = self._resolver.follow(raw)
        branches = branches_of(found) if depth < DEEPEST else ()
        if not branches:
            return found, references, False
        others = [one for one in branches if self._resolver.resolve(one).get("type") != "null"]
        is_nullable = len(others) < len(branches)
        outer = {key: one for key, one in found.items() if key not in ("anyOf", "oneOf")}
        if isinstance(outer.get("type"), list):
            del outer["type"]
        if len(others) == 1:
            inner, further = self._resolver.follow(others[0])
            deeper, more, is_inner_nullable = self._without_null({**inner, **outer}, depth + 1)
            return deeper, (*references, *further, *more), is_nullable or is_inner_nullable
        key = "oneOf" if "oneOf" in found else "anyOf"
        return {**outer, key: others}, references, is_nullable

    def _as_choice(self, plain: FormField) -> FormField | None:
        """Return a field with values to choose from, or with a single one; None where it is none."""
        schema = plain.schema
        options: tuple[Option, ...]
        if "const" in schema:
            if schema["const"] is True and not plain.is_nullable:
                return replace(plain, kind=FieldKind.CHECKBOX, default=_fitting(plain.default, bool))
            if not plain.is_nullable or schema["const"] is None:
                return replace(plain, kind=FieldKind.CONSTANT, default=schema["const"])
            options = (Option(label_of(schema["const"]), schema["const"]),) if is_option(schema["const"]) else ()
        elif schema.get("type") == "boolean" and (plain.is_nullable or plain.is_optional):
            options = (Option("yes", True), Option("no", False))
        else:
            options = read_options(dict(schema))
        if not options:
            return self._as_choices(plain)
        if plain.is_nullable and all(one.value is not None for one in options):
            options = (_NULL, *options)
        if not are_told_apart(one.value for one in options):
            return None
        values = [one.value for one in options]
        is_nullable = plain.is_nullable or None in values
        default = plain.default if is_option(plain.default) and plain.default in values else UNSET
        return replace(plain, kind=FieldKind.CHOICE, options=options, default=default, is_nullable=is_nullable)

    def _as_choices(self, plain: FormField) -> FormField | None:
        """Return a field of which several values can be chosen."""
        if plain.schema.get("type") != "array" or plain.is_nullable or "prefixItems" in plain.schema:
            return None
        options = read_options(self._resolver.resolve(plain.schema.get("items")))
        default = plain.default
        if not options or any(one.value is None for one in options):
            return None
        if isinstance(default, list):
            values = [one.value for one in options]
            if not all(is_option(one) and one in values for one in default) or not are_told_apart(default):
                return None  # boxes can't be ticked twice
        return replace(plain, kind=FieldKind.CHOICES, options=options, default=_fitting(default, list))

    def _as_structure(self, plain: FormField, seen: frozenset[str], depth: int, is_endless: bool) -> FormField | None:
        """Return a group, a list or a union; None where it is none, or would not end."""
        kind = plain.schema.get("type")
        if is_endless:
            return replace(plain, kind=FieldKind.JSON) if kind == "object" or branches_of(dict(plain.schema)) else None
        if kind == "object" and isinstance(plain.schema.get("properties"), dict):
            return self._group(plain, seen, depth)
        if kind == "array" and "prefixItems" not in plain.schema and isinstance(plain.schema.get("items"), dict):
            return self._list(plain, seen, depth)
        return self._union(plain, seen, depth)

    def _group(self, plain: FormField, seen: frozenset[str], depth: int) -> FormField | None:
        schema = dict(plain.schema)
        if schema.get("additionalProperties"):
            return None  # what a model takes beyond its fields could not be written down
        if plain.default is not UNSET and not isinstance(plain.default, dict | None):
            plain = replace(plain, default=UNSET)
        fields = self._fields(schema, plain.default, seen, depth + 1)
        switch = None
        if plain.is_nullable:
            names = {one.name for one in fields}
            switch = next(
                one for one in ("given", *(f"given_{at}" for at in range(len(names) + 1))) if one not in names
            )
        return replace(plain, kind=FieldKind.GROUP, fields=fields, switch=switch)

    def _list(self, plain: FormField, seen: frozenset[str], depth: int) -> FormField | None:
        if plain.is_nullable:
            return None  # an empty list and none at all look the same
        item = self._field("", "", plain.schema["items"], UNSET, True, seen, depth + 1)
        if item.kind in (FieldKind.JSON, FieldKind.LIST, FieldKind.CHOICES, FieldKind.CONSTANT):
            return None
        item = replace(item, label=plain.label)
        default = _fitting(plain.default, list)
        if default is not UNSET and not all(decode_value(item, shown_value(item, one)) == one for one in default):
            return None
        return replace(plain, kind=FieldKind.LIST, item=item, default=default)

    def _union(self, plain: FormField, seen: frozenset[str], depth: int) -> FormField | None:
        """Return a union of models that a constant field tells apart."""
        schema = dict(plain.schema)
        discriminator = schema.get("discriminator")
        tag = discriminator.get("propertyName") if isinstance(discriminator, dict) else None
        if not isinstance(tag, str) or not _SAFE_NAME.fullmatch(tag) or tag in _TAKEN_NAMES or not tag.isidentifier():
            return None
        given = plain.default if isinstance(plain.default, dict) else UNSET
        variants: list[tuple[Option, tuple[FormField, ...]]] = []
        for branch in branches_of(schema):
            found, references = self._resolver.follow(branch)
            values = _tags_of(self._resolver.resolve(dict(found.get("properties") or {}).get(tag)))
            if not values or not seen.isdisjoint(references) or found.get("additionalProperties"):
                return None
            for value in values:
                own = given if isinstance(given, dict) and given.get(tag) == value else UNSET
                fields = self._fields(found, own, seen.union(references), depth + 1, without=tag)
                variants.append((Option(label_of(value), value), fields))
        options = tuple(one for one, _ in variants)
        if not options or not are_told_apart(one.value for one in options):
            return None
        chosen = given.get(tag, UNSET) if isinstance(given, dict) else UNSET
        if plain.is_nullable:
            options = (_NULL, *options)
            chosen = None if plain.default is None else chosen
        known = [one.value for one in options]
        tag_field = FormField(
            key=tag, name=tag, kind=FieldKind.CHOICE, label=tag.replace("_", " ").title(), schema={}, hints=NO_HINTS,
            is_required=True, is_nullable=plain.is_nullable, default=chosen if chosen in known else UNSET,
            options=options,
        )  # fmt: skip
        return replace(plain, kind=FieldKind.UNION, tag=tag_field, variants=tuple(variants))


def form_names(keys: Iterable[str]) -> dict[str, str]:
    """Map keys to names that a form can take: themselves, or stand-ins for those that lead elsewhere, as ``a.b``."""
    known = list(keys)
    names = {key: key for key in known if _SAFE_NAME.fullmatch(key) and key not in _TAKEN_NAMES}
    taken = set(names)
    for place, key in enumerate(known):
        if key not in names:
            name = f"field_{place}"
            while name in taken:
                name += "_"
            names[key] = name
            taken.add(name)
    return names


def _tags_of(schema: dict[str, Any]) -> list[Any]:
    """Return the values of a tag, if an expression can name them all."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    found = list(values) if isinstance(values, list) else []
    return found if all(_is_tag(one) for one in found) else []


def _is_tag(value: Any) -> bool:
    return (
        is_option(value)
        and value is not None
        and (not isinstance(value, str) or bool(re.fullmatch(r"[\w .-]+", value)))
    )


def _as_scalar(plain: FormField) -> FormField:
    if is_secret(plain.schema):
        return replace(plain, kind=FieldKind.SECRET, default=UNSET)
    kind = scalar_kind(plain.schema, plain.default)
    if kind is FieldKind.JSON:
        return replace(plain, is_nullable=plain.is_nullable or not _says_a_type(plain.schema))
    default = plain.default if plain.default is None or is_shown_whole(kind, plain.default) else UNSET
    offset = zone_offset(kind, plain.schema, default)
    return replace(plain, kind=kind, default=default, offset=offset)


def _says_a_type(schema: Mapping[str, Any]) -> bool:
    return any(key in schema for key in ("type", "anyOf", "oneOf", "allOf", "enum", "const", "properties"))


def _fitting(default: Any, kind: type) -> Any:
    return default if isinstance(default, kind) else UNSET


def _label(key: str, raw: Any) -> str:
    """Return what stands before a field: the title that was given to the field itself, or else its key in words.

    The title of a class, which a reference leads to, says nothing of the field.
    """
    title = raw.get("title") if isinstance(raw, dict) else None
    if isinstance(title, str) and title.strip():
        return title
    return key.replace("_", " ").strip().title()
