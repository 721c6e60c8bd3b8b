"""What goes wrong with data types."""

from __future__ import annotations

from ..errors import CapabilityError


class TypeDefinitionError(CapabilityError, TypeError):
    """Refuse a class that does not say what a data type has to say.

    Args:
        data_type: The name of the class.
        faults: What is wrong with it, all at once.
    """

    def __init__(self, data_type: str, faults: tuple[str, ...]) -> None:
        super().__init__(data_type, faults)
        self.data_type = data_type
        self.faults = faults

    def __str__(self) -> str:
        return f"cannot use data type '{self.data_type}': {'; '.join(self.faults)}"


class TypeExistsError(CapabilityError, ValueError):
    """Refuse a second data type of one name.

    Args:
        name: The name.
        present: The class that has it, with its module.
        owner: Who brought that class: ``plugbus``, ``host``, or a plugin's id.
    """

    def __init__(self, name: str, present: str, owner: str) -> None:
        super().__init__(name, present, owner)
        self.name = name
        self.present = present
        self.owner = owner

    def __str__(self) -> str:
        return f"cannot register data type '{self.name}': {self.present} of {self.owner} has that name; choose another"


class TypeNotFoundError(CapabilityError, LookupError):
    """Name a data type that nobody registered, and what is near."""

    def __init__(self, name: str, near: tuple[str, ...] = (), known: tuple[str, ...] = ()) -> None:
        super().__init__(name, near, known)
        self.name = name
        self.near = near
        self.known = known

    def __str__(self) -> str:
        if self.near:
            tail = f"did you mean {' or '.join(repr(one) for one in self.near)}?"
        else:
            tail = f"there are {', '.join(repr(one) for one in self.known)}" if self.known else "there are none"
        return f"cannot find data type '{self.name}': nobody registered it; {tail}"
