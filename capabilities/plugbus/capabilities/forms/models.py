"""Decoding what a form sent, and placing what is wrong with it, for a model or a JSON Schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .dialect import find_dialect
from .params_schema import params_schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from pydantic import BaseModel, ValidationError

    from ..errors import ParamsError
    from .dialect import FormDialect
    from .errors import FormDataError
    from .faults import FormErrors


def ui_schema(
    model: type[BaseModel] | Mapping[str, Any], dialect: str | FormDialect = "formkit", *, name: str = "params",
    values: Mapping[str, Any] | None = None,
) -> Any:  # fmt: skip
    """Return the form of a model, or of a JSON Schema, in a dialect; ``values`` are shown in place of the defaults.

    Raises:
        SchemaError: No form can be made of it.
        DialectNotFoundError: The dialect does not ship; one of a plugin is found by ``find_dialect``.
    """
    return _dialect(dialect).render(_schema(model), name=name, values=values)


def decode_form(
    model: type[BaseModel] | Mapping[str, Any], submitted: Any, *, current: Mapping[str, Any] | None = None,
    zone: tzinfo | None = None, dialect: str | FormDialect = "formkit",
) -> dict[str, Any]:  # fmt: skip
    """Return parameters from what a form sent: JSON values, to be validated by the model.

    An empty field is ``None`` where the model takes that, text areas of JSON are read, times get back the offset that
    was not shown, and an empty secret is left as it is in ``current``.

    Args:
        model: The model, or its JSON Schema.
        submitted: What was sent under the form's name.
        current: The parameters that are being edited.
        zone: The zone of times that need one and show none; UTC by default.
        dialect: The dialect of the form.

    Raises:
        FormDataError: A field that holds JSON holds something else; tells every fault.
    """
    return _dialect(dialect).decode(_schema(model), submitted, current=current, zone=zone)


def form_errors(
    model: type[BaseModel] | Mapping[str, Any], error: ValidationError | ParamsError | FormDataError, *,
    name: str = "params", dialect: str | FormDialect = "formkit",
) -> FormErrors:  # fmt: skip
    """Return the messages of an error, each at the field of the form that it is about."""
    return _dialect(dialect).place_errors(_schema(model), error, name=name)


def _dialect(dialect: str | FormDialect) -> FormDialect:
    return find_dialect(dialect) if isinstance(dialect, str) else dialect


def _schema(model: type[BaseModel] | Mapping[str, Any]) -> Mapping[str, Any]:
    return params_schema(model) if isinstance(model, type) else model
