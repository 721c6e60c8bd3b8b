"""What goes wrong with datasets and conversions."""

from __future__ import annotations

from ..errors import CapabilityError

_TOLD = 20


class DatasetError(CapabilityError, ValueError):
    """Refuse a document of a dataset, with every fault.

    Args:
        verb: What could not be done with it: ``read`` or ``write``.
        document: The file.
        faults: One ``(place, why)`` for each fault; a place is a line (``line 3``) or a path (``$.images[0].polygon``).
    """

    def __init__(self, verb: str, document: str, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(verb, document, faults)
        self.verb = verb
        self.document = document
        self.faults = faults

    def __str__(self) -> str:
        told = [f"{place}: {why}" if place else why for place, why in self.faults[:_TOLD]]
        if len(self.faults) > _TOLD:
            told.append(f"and {len(self.faults) - _TOLD} more")
        return f"cannot {self.verb} dataset document '{self.document}': {'; '.join(told)}"


class ConversionError(CapabilityError, RuntimeError):
    """Refuse a conversion that could not be finished as it was asked for; nothing was written.

    Args:
        source: The name of the type that there is.
        target: The name of the type that is wanted.
        cause: Why, and what to do.
    """

    def __init__(self, source: str, target: str, cause: str) -> None:
        super().__init__(source, target, cause)
        self.source = source
        self.target = target
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot convert '{self.source}' to '{self.target}': {self.cause}"


class NoConversionError(CapabilityError, LookupError):
    """Name two types between which no converters lead, and where they do lead.

    Args:
        source: The name of the type that there is.
        target: The name of the type that is wanted.
        reached: The names of the types that converters lead to from the source.
        origins: The names of the types from which converters lead to the target.
    """

    def __init__(self, source: str, target: str, reached: tuple[str, ...], origins: tuple[str, ...]) -> None:
        super().__init__(source, target, reached, origins)
        self.source = source
        self.target = target
        self.reached = reached
        self.origins = origins

    def __str__(self) -> str:
        there = f"from '{self.source}' they lead to {_listed(self.reached)}"
        here = f"to '{self.target}' they lead from {_listed(self.origins)}"
        return f"cannot convert '{self.source}' to '{self.target}': no converters lead there; {there}; {here}"


class ConverterDefinitionError(CapabilityError, TypeError):
    """Refuse a converter that does not say what a converter has to say.

    Args:
        converter: Its name, or that of its class.
        faults: What is wrong with it, all at once.
    """

    def __init__(self, converter: str, faults: tuple[str, ...]) -> None:
        super().__init__(converter, faults)
        self.converter = converter
        self.faults = faults

    def __str__(self) -> str:
        return f"cannot use converter '{self.converter}': {'; '.join(self.faults)}"


class ConverterExistsError(CapabilityError, ValueError):
    """Refuse a second converter of one name.

    Args:
        name: The name.
        owner: Who brought the first: ``plugbus``, ``host``, or a plugin's id.
    """

    def __init__(self, name: str, owner: str) -> None:
        super().__init__(name, owner)
        self.name = name
        self.owner = owner

    def __str__(self) -> str:
        return f"cannot register converter '{self.name}': {self.owner} has one of that name; choose another"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{one}'" for one in names) or "nothing"
