"""Dialects of forms as capabilities: FormKit's ships, others come from plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from plugbus.kernel import Capability

from .errors import DialectNotFoundError
from .formkit import FormKitDialect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from pydantic import ValidationError

    from plugbus.kernel import ServiceLocator

    from ..errors import ParamsError
    from .errors import FormDataError
    from .faults import FormErrors

UI_DIALECT: Final = "ui_dialect"
"""The name of the capability; its qualifier is the dialect's name."""


@runtime_checkable
class FormDialect(Protocol):
    """Write forms in the words of one form library, and read what they send."""

    def render(
        self, schema: Mapping[str, Any], *, name: str = "params", values: Mapping[str, Any] | None = None
    ) -> Any:
        """Return a form, as JSON.

        Args:
            schema: The JSON Schema of the parameters.
            name: The name under which the form's values are sent.
            values: What is shown in place of the defaults.
        """
        ...

    def decode(
        self, schema: Mapping[str, Any], submitted: Any, *, current: Mapping[str, Any] | None = None,
        zone: tzinfo | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Return parameters, not validated yet, from what a form sent.

        Args:
            schema: The JSON Schema of the parameters.
            submitted: What was sent under the form's name.
            current: The parameters that are being edited: an empty secret keeps theirs.
            zone: The zone of times that need one and show none; UTC by default.

        Raises:
            FormDataError: It can't be read; tells every fault.
        """
        ...

    def place_errors(
        self, schema: Mapping[str, Any], error: ValidationError | ParamsError | FormDataError, *, name: str = "params"
    ) -> FormErrors:
        """Return the messages of an error, each at the field that it is about."""
        ...


def UIDialect(name: str) -> Capability[FormDialect]:  # noqa: N802 - a kind of capability, spelled as one
    """Return the capability under which a dialect is offered: ``ctx.provide(UIDialect("rjsf"), RjsfDialect())``."""
    contract: type[Any] = FormDialect
    return Capability(UI_DIALECT, contract=contract, qualifier=name)


def dialect_names(services: ServiceLocator | None = None) -> tuple[str, ...]:
    """Return the names of the dialect that ships and of those that loaded plugins offer, sorted."""
    keys = () if services is None else services.keys
    offered = (Capability.parse(key).qualifier for key in keys if key.startswith(f"{UI_DIALECT}("))
    return tuple(sorted({FormKitDialect.name, *(one for one in offered if one is not None)}))


def find_dialect(name: str, services: ServiceLocator | None = None) -> FormDialect:
    """Return a dialect: what a plugin offers comes before what ships.

    Raises:
        DialectNotFoundError: There is none of that name; names those that there are.
    """
    found = None if services is None else services.find(UIDialect(name))
    if found is not None:
        return found
    if name == FormKitDialect.name:
        return FormKitDialect()
    raise DialectNotFoundError(name, dialect_names(services))
