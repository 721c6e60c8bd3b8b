"""The registry of data types: from a name to the class."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from plugbus.kernel import Capability

from .builtin import BUILT_IN_TYPES
from .data_type import DataType, check_type
from .errors import TypeDefinitionError, TypeExistsError, TypeNotFoundError
from .offer import DATA_TYPE, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plugbus.kernel import ServiceLocator

_SHIPPED: Final = "plugbus"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeInfo:
    """A type in a registry.

    Args:
        data_type: The class.
        owner: Who brought it: ``plugbus``, ``host``, or a plugin's id.
    """

    data_type: type[DataType]
    owner: str

    @property
    def bases(self) -> tuple[str, ...]:
        """Return the names of the types that it is a kind of, the nearest first."""
        own = self.data_type
        return tuple(
            one.__dict__["name"] for one in own.__mro__[1:] if issubclass(one, DataType) and "name" in vars(one)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON has them."""
        one = self.data_type
        return {
            "name": one.name,
            "class": named(one),
            "format": one.format,
            "description": one.description,
            "bases": list(self.bases),
            "owner": self.owner,
        }


class TypeRegistry:
    """Find data types by name: those that ship, those that the host registers, those of loaded plugins.

    What a plugin offers is read where it is offered, at each call, so that it is gone when the plugin is unloaded.
    All calls are safe from several threads. A registry belongs to whoever made it; there is no global one.

    Args:
        services: Where the plugins' types are found: ``kernel.services``. None for none.
        types: What it holds from the start.

    Raises:
        TypeDefinitionError: One of ``types`` does not say what a type has to say.
        TypeExistsError: Two of them have one name.
    """

    def __init__(
        self, services: ServiceLocator | None = None, types: Iterable[type[DataType]] = BUILT_IN_TYPES
    ) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._own: dict[str, TypeInfo] = {}
        for one in types:
            self._add(one, _SHIPPED if one in BUILT_IN_TYPES else "host", {})

    def register(self, data_type: type[DataType]) -> Callable[[], None]:
        """Add a type of the host; return a function that takes it out again, idempotent.

        Raises:
            TypeDefinitionError: The class does not say what a type has to say; holds every fault.
            TypeExistsError: Its name is taken.
        """
        info = self._add(data_type, "host", self._offered())

        def unregister() -> None:
            with self._lock:
                self._own = {name: one for name, one in self._own.items() if one is not info}

        return unregister

    def get(self, name: str | type[DataType]) -> type[DataType]:
        """Return a type by its name, else by the name of its class, else by its format, where one alone has it.

        A class is returned as it is, registered or not.

        Raises:
            TypeNotFoundError: There is none; offers near names.
            TypeExistsError: Several plugins offer a type of this name.
            TypeDefinitionError: What a plugin offers under this name is another type.
        """
        if not isinstance(name, str):
            check_type(name)
            return name
        entries, faults = self._read()
        if name in faults and name not in entries:
            raise faults[name]
        found = _chosen(name, entries)
        if found is None:
            from difflib import get_close_matches

            known = tuple(entries)
            spelled = {one: one for one in known} | {info.data_type.__name__: key for key, info in entries.items()}
            near = dict.fromkeys(spelled[one] for one in get_close_matches(name, spelled, n=3, cutoff=0.6))
            raise TypeNotFoundError(name, tuple(near), known)
        return found

    def find(self, name: str) -> type[DataType] | None:
        """Return a type by its name, the name of its class or its format; None where there is none."""
        entries, faults = self._read()
        return None if name in faults and name not in entries else _chosen(name, entries)

    @property
    def all(self) -> tuple[TypeInfo, ...]:
        """Return every type, sorted by name."""
        return tuple(self._read()[0].values())

    @property
    def names(self) -> tuple[str, ...]:
        """Return the name of every type, sorted."""
        return tuple(self._read()[0])

    @property
    def faults(self) -> tuple[TypeDefinitionError | TypeExistsError, ...]:
        """Return what is wrong with types that plugins offer, and that are left out therefore."""
        return tuple(self._read()[1].values())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._read()[0]

    def __iter__(self) -> Iterator[type[DataType]]:
        return iter([one.data_type for one in self.all])

    def __len__(self) -> int:
        return len(self._read()[0])

    def describe(self) -> str:
        """Return a table for people, special types below the general ones that they are a kind of."""
        lines: list[tuple[str, str, str]] = []
        for info in sorted(self.all, key=lambda one: (*reversed(one.bases), one.data_type.name)):
            one = info.data_type
            owner = "" if info.owner == _SHIPPED else f" ({info.owner})"
            lines.append(("  " * len(info.bases) + one.name, one.format or "-", one.description + owner))
        widths = [max((len(line[column]) for line in lines), default=0) for column in (0, 1)]
        return "\n".join(f"{name:{widths[0]}}  {form:{widths[1]}}  {text}".rstrip() for name, form, text in lines)

    def to_json(self) -> list[dict[str, Any]]:
        """Return every type with its facts as JSON has them, sorted by name."""
        return [one.to_json() for one in self.all]

    def _add(self, data_type: type[DataType], owner: str, offered: dict[str, TypeInfo]) -> TypeInfo:
        check_type(data_type)
        info = TypeInfo(data_type=data_type, owner=owner)
        with self._lock:
            present = self._own.get(data_type.name) or offered.get(data_type.name)
            if present is not None:
                raise TypeExistsError(data_type.name, named(present.data_type), present.owner)
            self._own = {**self._own, data_type.name: info}
        return info

    def _read(self) -> tuple[dict[str, TypeInfo], dict[str, TypeDefinitionError | TypeExistsError]]:
        """Return all entries and, by the name that they are offered under, what is wrong with others."""
        entries = dict(self._own)
        faults: dict[str, TypeDefinitionError | TypeExistsError] = {}
        for key, provisions in self._provisions():
            for one in provisions:
                info = TypeInfo(data_type=one.provided, owner=one.owner)
                fault = _fault(key, info, entries)
                if fault is None:
                    entries[key] = info
                else:
                    faults[key] = fault
        # A name that several have is nobody's, unless it ships or the host registered it.
        for name in faults:
            if name in entries and name not in self._own:
                del entries[name]
        return dict(sorted(entries.items())), faults

    def _offered(self) -> dict[str, TypeInfo]:
        return {
            key: TypeInfo(data_type=found[0].provided, owner=found[0].owner)
            for key, found in self._provisions()
            if found
        }

    def _provisions(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        if self._services is None:
            return
        for key in self._services.keys:
            if key.startswith(f"{DATA_TYPE}("):
                name = Capability.parse(key).qualifier
                if name is not None:
                    yield name, self._services.providers(key)


def _fault(key: str, info: TypeInfo, entries: dict[str, TypeInfo]) -> TypeDefinitionError | TypeExistsError | None:
    try:
        check_type(info.data_type)
    except TypeDefinitionError as error:
        return error
    if info.data_type.name != key:
        cause = f"plugin '{info.owner}' offers it as '{key}', and its name is '{info.data_type.name}'"
        return TypeDefinitionError(info.data_type.__qualname__, (cause,))
    if key in entries:
        present = entries[key]
        return TypeExistsError(key, named(present.data_type), present.owner)
    return None


def _chosen(name: str, entries: dict[str, TypeInfo]) -> type[DataType] | None:
    if name in entries:
        return entries[name].data_type
    for spelled in (_class_name, _format):
        found = [info.data_type for info in entries.values() if spelled(info.data_type) == name]
        if len(found) == 1:
            return found[0]
    return None


def _class_name(data_type: type[DataType]) -> str:
    return data_type.__name__


def _format(data_type: type[DataType]) -> str | None:
    return data_type.format
