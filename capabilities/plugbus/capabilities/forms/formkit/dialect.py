"""Forms in the words of FormKit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..decoding import decode_fields
from ..faults import FormErrors, place_errors
from ..params_schema import SCHEMA_VERSION
from ..planning import plan_form
from .nodes import authored
from .structures import field_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from pydantic import ValidationError

    from ...errors import ParamsError
    from ..errors import FormDataError


class FormKitDialect:
    """Write forms as schemas of FormKit 2, for its free inputs alone."""

    name = "formkit"

    def render(
        self, schema: Mapping[str, Any], *, name: str = "params", values: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the schema of a form: a named group."""
        form = plan_form(schema, values)
        version = schema.get("x-schema-version", SCHEMA_VERSION)
        return {
            "$formkit": "group",
            **authored("name", name),
            "meta": {"x-schema-version": version if isinstance(version, str) else SCHEMA_VERSION},
            "children": field_nodes(form.shown_fields, "form"),
        }

    def decode(
        self, schema: Mapping[str, Any], submitted: Any, *, current: Mapping[str, Any] | None = None,
        zone: tzinfo | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Return parameters from what the group's form sent."""
        form = plan_form(schema)
        return (
            decode_fields(form, submitted, current) if zone is None else decode_fields(form, submitted, current, zone)
        )

    def place_errors(
        self, schema: Mapping[str, Any], error: ValidationError | ParamsError | FormDataError, *, name: str = "params"
    ) -> FormErrors:
        """Return the messages of an error by the paths of the fields, as ``node.setErrors`` takes them."""
        return place_errors(plan_form(schema), error, name=name)
