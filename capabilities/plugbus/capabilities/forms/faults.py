"""Where errors of validation belong in a form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from .form import FieldKind, FormField

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..errors import ParamsError
    from .errors import FormDataError


@dataclass(frozen=True, slots=True)
class FormErrors:
    """Messages of a form and of its fields.

    Args:
        form: Messages of the form as a whole.
        fields: Path of a field, its names joined by dots, to its messages. FormKit takes both:
            ``node.setErrors(errors.form, errors.fields)``.
    """

    form: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]


def place_errors(root: FormField, error: ValidationError | ParamsError | FormDataError, *, name: str) -> FormErrors:
    """Return the messages of an error, each at the field that it is about."""
    whole: list[str] = []
    fields: dict[str, list[str]] = {}
    for parts, message in _faults(error):
        names = _names(root, parts)
        if names:
            fields.setdefault(".".join((name, *names)), []).append(message)
        else:
            lead = ".".join(map(str, parts))
            whole.append(f"{lead}: {message}" if lead else message)
    return FormErrors(tuple(whole), {path: tuple(found) for path, found in fields.items()})


def _faults(error: ValidationError | ParamsError | FormDataError) -> list[tuple[tuple[str | int, ...], str]]:
    if isinstance(error, ValidationError):
        return [(one["loc"], one["msg"]) for one in error.errors(include_url=False, include_input=False)]
    return [(tuple(path.split(".")) if path else (), why) for path, why in error.faults]


def _names(root: FormField, parts: Sequence[str | int]) -> list[str]:
    """Return the names that lead to the field, as far as there are fields on the way; none if there is none."""
    names: list[str] = []
    field: FormField | None = root
    inside: Any = root.fields
    for part in map(str, parts):
        if field is not None and field.kind is FieldKind.LIST:
            names.append(part)
            field = field.item
        elif field is not None and field.kind is FieldKind.UNION:
            # The alternative is named on the way to its fields, and is no field itself.
            variant = next((fields for option, fields in field.variants if str(option.value) == part), None)
            if variant is not None:
                field, inside = None, variant
                continue
            if field.tag is None or part != field.tag.key:
                break
            names.append(field.tag.name)
            break
        else:
            found = next((one for one in inside if one.key == part and not one.hints.is_hidden), None)
            if found is None:
                break
            names.append(found.name)
            field = found
        inside = field.fields if field is not None and field.kind is FieldKind.GROUP else ()
        if field is not None and field.kind not in (FieldKind.GROUP, FieldKind.LIST, FieldKind.UNION):
            break
    return names
