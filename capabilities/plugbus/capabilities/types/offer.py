"""Data types as capabilities: how plugins offer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plugbus.kernel import Capability

from .builtin import BUILT_IN_TYPES
from .data_type import DataType, check_type
from .errors import TypeExistsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugbus.kernel import PluginContext

DATA_TYPE: Final = "data_type"
"""The name of the capability; its qualifier is the type's name."""


def TypeOffer(offered: type[DataType] | str) -> Capability[type[DataType]]:  # noqa: N802 - a kind of capability, spelled as one
    """Return the capability under which a data type is offered: ``TypeOffer(CustomDataset)``, or by its name.

    Raises:
        TypeDefinitionError: The class does not say what a type has to say.
    """
    if not isinstance(offered, str):
        check_type(offered)
        offered = offered.name
    # The contract is the class itself: what is provided is a subclass of it, not an object.
    contract: type[Any] = DataType
    return Capability(DATA_TYPE, contract=contract, qualifier=offered)


def provide_type(ctx: PluginContext, data_type: type[DataType]) -> Callable[[], None]:
    """Offer a plugin's type until it is unloaded; return a function that withdraws it earlier.

    Raises:
        TypeDefinitionError: The class does not say what a type has to say.
        TypeExistsError: A type that ships, or of a loaded plugin, has its name.
    """
    key = TypeOffer(data_type)
    for one in BUILT_IN_TYPES:
        if one.name == data_type.name:
            raise TypeExistsError(one.name, named(one), "plugbus")
    for other in ctx.all(key):
        raise TypeExistsError(data_type.name, named(other), "another plugin")
    return ctx.provide(key, data_type)


def named(data_type: type[DataType]) -> str:
    """Name a class with its module."""
    return f"{data_type.__module__}.{data_type.__qualname__}"
