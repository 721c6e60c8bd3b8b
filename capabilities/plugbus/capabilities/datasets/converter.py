"""The contract of converters."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from plugbus.kernel import Capability

from ..types import DataType, TypeDefinitionError, check_type
from .errors import ConverterDefinitionError, ConverterExistsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugbus.kernel import PluginContext

    from .job import ConversionJob
    from .losses import Loss


class Converter(ABC):
    """Turn data of one type into data of another. Objects of a subclass are registered.

    Lifecycle:

    1. Its types, losses and cost are read when a way is looked for.
    2. ``convert`` is called once a conversion, maybe in several threads at a time.

    Attributes:
        name: What it goes by, as ``read_yolo``: a letter, then letters, digits, ``_``, ``.``, ``-``.
        source: What it takes: data of this type or a special kind of it.
        target: What it makes.
        losses: Everything that it may drop.
        cost: How much work it is, above 0; 1 for a pass over the data.
    """

    name: ClassVar[str]
    source: ClassVar[type[DataType]]
    target: ClassVar[type[DataType]]
    losses: ClassVar[tuple[Loss, ...]] = ()
    cost: ClassVar[float] = 1.0

    @abstractmethod
    def convert(self, value: Any, job: ConversionJob) -> Any:
        """Return the value as the target has it: a path, a stream, any object.

        Files are written below ``job.folder``, and what is returned then is a path below it or the folder itself.
        """


CONVERTER: Final = "converter"
"""The name of the capability; its qualifier is the converter's name."""


def ConverterOffer(offered: Converter | str) -> Capability[Converter]:  # noqa: N802 - a kind of capability, spelled as one
    """Return the capability under which a converter is offered: ``ConverterOffer("read_custom")``.

    Raises:
        ConverterDefinitionError: The converter does not say what a converter has to say.
    """
    if not isinstance(offered, str):
        check_converter(offered)
        offered = offered.name
    contract: type[Any] = Converter
    return Capability(CONVERTER, contract=contract, qualifier=offered)


def provide_converter(ctx: PluginContext, converter: Converter) -> Callable[[], None]:
    """Offer a plugin's converter until it is unloaded; return a function that withdraws it earlier.

    Raises:
        ConverterDefinitionError: It does not say what a converter has to say.
        ConverterExistsError: One that ships, or of a loaded plugin, has its name.
    """
    from .builtin import BUILT_IN_CONVERTERS

    key = ConverterOffer(converter)
    if any(one.name == converter.name for one in BUILT_IN_CONVERTERS):
        raise ConverterExistsError(converter.name, "plugbus")
    if ctx.all(key):
        raise ConverterExistsError(converter.name, "another plugin")
    return ctx.provide(key, converter)


def check_converter(converter: Converter) -> None:
    """Raise unless a converter says all that it has to say.

    Raises:
        ConverterDefinitionError: It does not; holds every fault.
    """
    kind = type(converter).__qualname__
    if not isinstance(converter, Converter):  # pyright: ignore[reportUnnecessaryIsInstance] # an author may hand in anything
        raise ConverterDefinitionError(kind, ("it is no object of a subclass of Converter",))
    faults: list[str] = []
    name = getattr(converter, "name", None)
    if name is None:
        faults.append("it has no name; set the class attribute 'name'")
    else:
        try:
            Capability(name)
        except (TypeError, ValueError):
            faults.append(f"its name is {name!r}; write a letter, then letters, digits, '_', '.' or '-'")
    for attribute in ("source", "target"):
        try:
            check_type(getattr(converter, attribute, None))  # type: ignore[arg-type] # it says so itself
        except TypeDefinitionError as error:
            faults.append(f"its {attribute} is no data type: {'; '.join(error.faults)}")
    if not (converter.cost > 0 and math.isfinite(converter.cost)):
        faults.append(f"its cost is {converter.cost}; give a number above 0")
    for loss in converter.losses:
        if not (loss.weight >= 0 and math.isfinite(loss.weight)):
            faults.append(f"its loss '{loss.name}' has the weight {loss.weight}; give a number from 0 on")
    if faults:
        raise ConverterDefinitionError(name if isinstance(name, str) and name else kind, tuple(faults))
