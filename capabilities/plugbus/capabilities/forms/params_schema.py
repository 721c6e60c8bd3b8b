"""JSON Schema 2020-12 of a model of parameters: what forms, command lines and remote callers are made of."""

from __future__ import annotations

from math import isfinite, isnan
from typing import TYPE_CHECKING, Any, Final

from pydantic import Secret
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, NoDefault
from pydantic_core import PydanticSerializationError

from .errors import SchemaError
from .secrets import without_secrets

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.json_schema import JsonSchemaValue, JsonSchemaWarningKind
    from pydantic_core import core_schema

SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_VERSION: Final = "1.0"
"""The version of what is said here beyond JSON Schema: ``x-ui``, ``x-timezone``, and how defaults are written."""


def params_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of what a model takes.

    It holds JSON alone. Defaults are those of the model, also where a function makes them, unless it makes another one
    each time. No secret is in it.

    Raises:
        SchemaError: A field's type has no JSON Schema, or the model is not read from a mapping.
    """
    name = model.__qualname__
    try:
        schema = model.model_json_schema(schema_generator=_Generator)
    except PydanticUserError as error:
        raise SchemaError(name, f"its parameters have no JSON Schema: {error.message}") from error
    found: dict[str, Any] = {"$schema": SCHEMA_DIALECT, "x-schema-version": SCHEMA_VERSION, **schema}
    without_secrets(found)
    plain: dict[str, Any] = _plain(found)
    return plain


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, which also knows defaults that a function makes, and whether times need a zone."""

    # A default that can't be written is left out: the field stays optional, and the model fills it in.
    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012 - as pydantic declares it
        "skipped-choice",
        "non-serializable-default",
    }

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        """Return the default, made if need be; none for a secret, or where each call makes another one, as a new id."""
        found = self._default_of(schema)
        return NoDefault if isinstance(found, Secret) else found

    def _default_of(self, schema: core_schema.WithDefaultSchema) -> Any:
        factory = schema.get("default_factory")
        if factory is None:
            return super().get_default_value(schema)
        if schema.get("default_factory_takes_data"):
            return NoDefault
        try:
            first, second = factory(), factory()  # type: ignore[call-arg] # it takes no data, as was asked above
            is_stable = self.encode_default(first) == self.encode_default(second)
        except PydanticSerializationError:
            return NoDefault
        except Exception:  # noqa: BLE001 - the author's code; the model will call it when a value is needed
            return NoDefault
        return first if is_stable else NoDefault

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        """Add whether a zone is needed."""
        return {**super().datetime_schema(schema), **_zone_of(schema.get("tz_constraint"))}

    def time_schema(self, schema: core_schema.TimeSchema) -> JsonSchemaValue:
        """Add whether a zone is needed."""
        return {**super().time_schema(schema), **_zone_of(schema.get("tz_constraint"))}

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """Say that it is one number, and no choice between a number and a text."""
        return {**super().decimal_schema(schema), "format": "decimal"}

    def json_or_python_schema(self, schema: core_schema.JsonOrPythonSchema) -> JsonSchemaValue:
        """Add that a ``Secret`` of any type is not shown, which pydantic says of texts and bytes alone."""
        found = super().json_or_python_schema(schema)
        if not _is_any_secret(schema):
            return found
        form = {"format": "password"} if found.get("type") == "string" else {}
        return {**form, **found, "writeOnly": True}

    def model_field_schema(self, schema: core_schema.ModelField) -> JsonSchemaValue:
        """Hide in forms what the model leaves out when it is written."""
        found = super().model_field_schema(schema)
        if schema.get("serialization_exclude") is True and "x-ui" not in found:
            return {**found, "x-ui": {"hidden": True}}
        return found


def _is_any_secret(schema: core_schema.JsonOrPythonSchema) -> bool:
    # Its core schema bears no other mark than the function that masks it.
    function = schema.get("serialization", {}).get("function")
    place = (getattr(function, "__module__", ""), getattr(function, "__name__", ""))
    return place == ("pydantic.types", "_serialize_secret")


def _zone_of(constraint: object) -> dict[str, Any]:
    if constraint in ("aware", "naive"):
        return {"x-timezone": constraint}
    if isinstance(constraint, int):
        sign, minutes = "-" if constraint < 0 else "+", abs(constraint) // 60
        return {"x-timezone": f"{sign}{minutes // 60:02}:{minutes % 60:02}"}
    return {}


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: infinite bounds are left out, other infinite numbers are written as text."""
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items() if not _is_endless(key, one)}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _is_endless(key: object, value: object) -> bool:
    bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    return key in bounds and isinstance(value, float) and not isfinite(value)
