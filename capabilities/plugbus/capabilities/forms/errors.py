"""What goes wrong with schemas and forms."""

from __future__ import annotations

from ..errors import CapabilityError


class SchemaError(CapabilityError, TypeError):
    """Refuse a model, or a JSON Schema, that no form can be made of.

    Args:
        model: The name of the model, or the title of the schema.
        cause: Why.
    """

    def __init__(self, model: str, cause: str) -> None:
        super().__init__(model, cause)
        self.model = model
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot describe parameters '{self.model}': {self.cause}"


class FormDataError(CapabilityError, ValueError):
    """Refuse what a form sent, with every fault.

    Args:
        form: The title of the form's schema.
        faults: One ``(path, why)`` for each fault; the path leads through the parameters, such as ``table.rows``.
    """

    def __init__(self, form: str, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(form, faults)
        self.form = form
        self.faults = faults

    def __str__(self) -> str:
        told = "; ".join(f"{path}: {why}" if path else why for path, why in self.faults)
        return f"cannot decode form '{self.form}': {told}"


class DialectNotFoundError(CapabilityError, LookupError):
    """Name a dialect of forms that nobody offers, and those that there are."""

    def __init__(self, dialect: str, known: tuple[str, ...]) -> None:
        super().__init__(dialect, known)
        self.dialect = dialect
        self.known = known

    def __str__(self) -> str:
        there = ", ".join(f"'{one}'" for one in self.known)
        return f"cannot find form dialect '{self.dialect}': no plugin offers it; there are {there}"
