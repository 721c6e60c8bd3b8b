"""Schemas and forms of parameters: JSON Schema as the contract, and forms made of it."""

from .dialect import UI_DIALECT, FormDialect, UIDialect, dialect_names, find_dialect
from .errors import DialectNotFoundError, FormDataError, SchemaError
from .faults import FormErrors
from .formkit import FormKitDialect
from .models import decode_form, form_errors, ui_schema
from .params_schema import SCHEMA_DIALECT, SCHEMA_VERSION, params_schema

__all__ = [
    "SCHEMA_DIALECT",
    "SCHEMA_VERSION",
    "UI_DIALECT",
    "DialectNotFoundError",
    "FormDataError",
    "FormDialect",
    "FormErrors",
    "FormKitDialect",
    "SchemaError",
    "UIDialect",
    "decode_form",
    "dialect_names",
    "find_dialect",
    "form_errors",
    "params_schema",
    "ui_schema",
]
