"""Forms in the words of FormKit 2: a schema made here from a JSON Schema, and never taken from an author."""

from .dialect import FormKitDialect
from .vocabulary import CUSTOM_RULES, HOST_FUNCTIONS, INPUTS, RULES

__all__ = ["CUSTOM_RULES", "HOST_FUNCTIONS", "INPUTS", "RULES", "FormKitDialect"]
