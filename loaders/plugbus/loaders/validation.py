"""Checking a document against a pydantic model, with every fault at the place a person wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import count
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Literal, TypeGuard, TypeVar, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, RootModel, ValidationError

from plugbus.loaders.faults import DocumentError, DocumentPath, Fault, in_text_order, render_path

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from plugbus.loaders.documents import Document, JsonValue

M = TypeVar("M", bound=BaseModel)

# pydantic's types of errors that say no more than what kind of value was expected.
_TEXT = "text"
_EXPECTED = {
    **dict.fromkeys(("string_type", "string_sub_type", "path_type", "url_type", "uuid_type"), _TEXT),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"), "a list"),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), "a mapping"),
    **dict.fromkeys(("dataclass_type", "dataclass_exact_type"), "a mapping"),
    "none_required": "null",
}
# A document may have more unknown keys than a person reads offers for, and each costs a comparison with every name.
_MAX_OFFERS = 100


def validate(model: type[M], document: Document, *, context: Mapping[str, object] | None = None) -> M:
    """Return the document as an instance of the model.

    Args:
        model: What the document must be; its own configuration says whether keys may be unknown and types converted.
        document: What was read.
        context: Passed on to the model's validators.

    Raises:
        DocumentError: The document is no such model; it has every fault, in the order of the text.
    """
    try:
        return model.model_validate(document.data, context=context)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        findings = tuple(_find(details, model, document) for details in errors)
        faults = (*_mismatches(findings, document), *_others(findings, document))
        raise DocumentError(document.source, in_text_order(faults)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """One error of pydantic, and where in the document it belongs.

    Args:
        details: What pydantic says.
        path: The deepest value of the document that the error's ``loc`` leads to.
        tail: What ``loc`` names below ``path`` that nobody wrote: a missing key, or what a validator filled in.
        is_branch: Whether ``loc`` ends in the label of a branch of a union (a type's name or a tag).
        models: What the mapping that holds the last part of ``loc`` may be.
    """

    details: ErrorDetails
    path: DocumentPath
    tail: DocumentPath
    is_branch: bool
    models: tuple[type[BaseModel], ...]


def _find(details: ErrorDetails, model: type[BaseModel], document: Document) -> _Finding:
    path: DocumentPath = ()
    tail: DocumentPath = ()
    is_branch = False
    current = parents = tuple(_alternatives(model))
    for part in details["loc"]:
        parents = current
        is_written = (*path, part) in document.positions
        branches = tuple(branch for branch in current if _is_branch(branch, part))
        is_named = isinstance(part, int) or any(
            part == name for outer in current if _is_model(outer) for name, _ in _members(outer)
        )
        # Inside a union the label comes first, even where a key is called the same.
        is_branch = (len(current) > 1 and bool(branches)) or not (is_written or is_named)
        if is_branch:
            current = branches or current
            continue
        current = tuple(inside for outer in current for inside in _inside(outer, part))
        if is_written:
            path, tail = (*path, part), ()  # a validator may have wrapped what was written
        else:
            tail = (*tail, part)
    models = tuple(parent for parent in parents if _is_model(parent))
    return _Finding(details=details, path=path, tail=tail, is_branch=is_branch, models=models)


def _mismatches(findings: tuple[_Finding, ...], document: Document) -> Iterator[Fault]:
    """Join what was expected at one place, since each branch of a union fails on its own."""
    kinds: dict[tuple[DocumentPath, DocumentPath], dict[str, object]] = {}
    for finding in findings:
        kind = _EXPECTED.get(finding.details["type"])
        if kind is not None and not _has_closer_branch(finding, findings):
            kinds.setdefault((finding.path, finding.tail), {})[kind] = finding.details["input"]
    for (path, tail), expected in kinds.items():
        value = next(iter(expected.values())) if tail else _value_at(document, path)
        spelling = None if tail else document.spellings.get(path)
        why = f"expected {' or '.join(expected)}, not {_described(value, spelling)}"
        remedy = f'quote it: "{spelling}"' if spelling and _TEXT in expected else ""
        yield _fault(document, path, tail, why, remedy)


def _has_closer_branch(finding: _Finding, findings: tuple[_Finding, ...]) -> bool:
    """Whether another branch of the same union took the kind of value and failed later: that one was meant."""
    union = finding.details["loc"][:-1]
    return finding.is_branch and any(
        other.details["loc"][: len(union)] == union
        and ((other.path, other.tail) != (finding.path, finding.tail) or other.details["type"] not in _EXPECTED)
        for other in findings
    )


def _others(findings: tuple[_Finding, ...], document: Document) -> Iterator[Fault]:
    unknown = count()
    for finding in findings:
        kind, path = finding.details["type"], finding.path
        if kind in _EXPECTED:
            continue
        if kind == "extra_forbidden":
            key = str(finding.details["loc"][-1])
            names = {name for model in finding.models for name, _ in _members(model)}
            remedy = _offer(key, names) if next(unknown) < _MAX_OFFERS else ""
            yield _fault(document, path, finding.tail, f"unknown key {key!r}", remedy, at_key=True)
        elif kind == "missing":
            last = finding.details["loc"][-1]
            why = f"missing key {last!r}" if isinstance(last, str) else f"missing item {last}"
            yield _fault(document, path, finding.tail[:-1], why)
        else:
            yield _violation(finding, document)


def _violation(finding: _Finding, document: Document) -> Fault:
    """Say which rule of the model a value of the right kind breaks."""
    details, path = finding.details, finding.path
    kind, context = details["type"], details.get("ctx", {})
    why = _message(details)
    remedy = ""
    at_key = details["loc"][-1:] == ("[key]",)
    spelling = document.spellings.get(path)
    if kind == "union_tag_not_found":
        why = f"missing key {context['discriminator']}"
    elif kind == "union_tag_invalid":
        why = f"should be one of {context['expected_tags']}"
        tagged = (*path, str(context["discriminator"]).strip("'"))
        path = tagged if tagged in document.positions else path
    elif kind in ("literal_error", "enum") and spelling and f"'{spelling}'" in context["expected"]:
        remedy = f'quote it: "{spelling}"'
    return _fault(document, path, finding.tail, why, remedy, at_key=at_key)


def _fault(
    document: Document, path: DocumentPath, tail: DocumentPath, why: str, remedy: str = "", *, at_key: bool = False
) -> Fault:
    position = document.positions[path]
    if at_key:
        position = document.key_positions.get(path, position)
    why = f"{render_path(tail)}: {why}" if tail else why
    return Fault(source=document.source, position=position, path=path, why=why, remedy=remedy)


def _message(details: ErrorDetails) -> str:
    message = " ".join(details["msg"].split())  # a fault is one line
    if details["type"] in ("value_error", "assertion_error"):
        return message.partition(", ")[2] or "not valid"
    message = message.removeprefix("Input ")
    return message[:1].lower() + message[1:]


def _offer(wanted: str, names: Iterable[str]) -> str:
    near = get_close_matches(wanted, sorted(names), n=3)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else ""


def _value_at(document: Document, path: DocumentPath) -> JsonValue:
    value = document.data
    for part in path:
        if isinstance(value, list):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value[str(part)]
    return value


def _described(value: object, spelling: str | None) -> str:
    if value is None:
        return spelling or "nothing"
    if isinstance(value, bool):
        return f"the boolean {spelling or value}"
    if isinstance(value, int | float):
        return f"the number {spelling or value}"
    named: dict[type, str] = {str: _TEXT, list: "a list", dict: "a mapping"}
    return named.get(type(value), type(value).__name__)


def _members(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield every name that a document may use for a field of the model, with the field."""
    config = model.model_config
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
        for choice in choices:
            if isinstance(choice, str):
                yield choice, field
        if alias is None or by_name:
            yield name, field


def _alternatives(annotation: object) -> Iterator[object]:
    """Yield the types that a value of the annotation may have beside null, without wrappers and unions."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for branch in get_args(annotation):
            yield from _alternatives(branch)
    elif (aliased := getattr(annotation, "__value__", None)) is not None:  # of a type alias
        yield from _alternatives(aliased)
    elif _is_model(annotation) and issubclass(annotation, RootModel):
        yield from _alternatives(annotation.model_fields["root"].annotation)
    elif annotation is not NoneType:  # pydantic does not count null among the branches
        yield annotation


def _inside(annotation: object, part: str | int) -> Iterator[object]:
    """Yield the types of what stands at ``part`` in a value of the annotation."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if _is_model(annotation):
        for name, field in _members(annotation):
            if name == part:
                yield from _alternatives(field.annotation)
    elif not isinstance(origin, type) or not arguments:
        return
    elif isinstance(part, str):
        if issubclass(origin, Mapping):
            yield from _alternatives(arguments[-1])
    elif origin is tuple and arguments[-1] is not Ellipsis:
        if part < len(arguments):
            yield from _alternatives(arguments[part])
    elif not issubclass(origin, Mapping):
        yield from _alternatives(arguments[0])


def _is_branch(annotation: object, label: str | int) -> bool:
    """Whether pydantic means this type by the label: its name, or the tag that one of its fields must have."""
    return _is_model(annotation) and (
        annotation.__name__ == label
        or any(
            get_origin(field.annotation) is Literal and label in get_args(field.annotation)
            for field in annotation.model_fields.values()
        )
    )


def _is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
