"""Capabilities: typed tokens that a plugin provides and others require."""

from __future__ import annotations

import re
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, final, overload

from .errors import CapabilityNameError, ContractError
from .values import value

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

_NAME: Final = r"[A-Za-z][A-Za-z0-9_.-]*"
_TEXT: Final = r"(?s)(?P<name>[^()]+?)(?:\((?P<qualifier>.*)\))?"


@final
class Capability(str, Generic[T]):
    """Name what a plugin offers, together with the type that it promises.

    A capability is its own text form (``executor``, ``Backend(CUDA)``), so that it is hashed and compared as fast as
    a string, may be looked up by name, and reads the same in manifests, messages and JSON.
    Static checkers see ``T``: ``services.get(EXECUTOR)`` is an ``Executor``.

    Args:
        name: A letter, then letters, digits, ``_``, ``.`` or ``-``.
        version: The version of the contract, not of any plugin that meets it.
        contract: The class, ABC or protocol that a provided object must satisfy. A checker that takes no protocol for
            a type wants it said: ``Capability[Greeter]("greeter", contract=Greeter)``. Without one the capability is a
            label: a declaration that can be searched and needs no object.
        qualifier: Tells variants of one name apart: ``CUDA`` in ``Backend(CUDA)``.

    Raises:
        CapabilityNameError: The name or the qualifier can't be written as text and read back.
    """

    __slots__ = ("contract", "name", "qualifier", "version")

    name: str
    version: str
    contract: type[T] | None
    qualifier: str | None

    if not TYPE_CHECKING:  # pragma: no branch - never true where coverage is measured
        # typing's own subscription keeps its arguments in a cache, and so a plugin's classes alive after its unload.
        __class_getitem__ = classmethod(GenericAlias)

    @overload
    def __new__(
        cls, name: str, *, version: str = "1.0.0", contract: type[T], qualifier: str | None = None
    ) -> Capability[T]: ...
    @overload
    def __new__(
        cls, name: str, *, version: str = "1.0.0", contract: type[Any] | None = None, qualifier: str | None = None
    ) -> Capability[T]: ...
    def __new__(
        cls,
        name: str,
        *,
        version: str = "1.0.0",
        contract: type[Any] | None = None,
        qualifier: str | None = None,
    ) -> Capability[T]:
        """Make a token; the text form is fixed here."""
        if not re.fullmatch(_NAME, name):
            raise CapabilityNameError(name, "a name is a letter, then letters, digits, '_', '.' or '-'")
        if qualifier is not None and (not qualifier.strip() or "(" in qualifier or ")" in qualifier):
            raise CapabilityNameError(f"{name}({qualifier})", "a qualifier is not blank and holds no parentheses")
        token = str.__new__(cls, name if qualifier is None else f"{name}({qualifier})")
        put = object.__setattr__
        put(token, "name", name)
        put(token, "version", version)
        put(token, "contract", contract)
        put(token, "qualifier", qualifier)
        return token

    @classmethod
    def parse(cls, text: str, *, version: str = "1.0.0", contract: type[Any] | None = None) -> Capability[Any]:
        """Read the text form back: ``Capability.parse("Backend(CUDA)").qualifier == "CUDA"``."""
        match = re.fullmatch(_TEXT, text.strip())
        if match is None:
            raise CapabilityNameError(text, "expected name or name(qualifier)")
        return cls(match["name"].strip(), version=version, contract=contract, qualifier=match["qualifier"])

    @property
    def is_label(self) -> bool:
        """Tell whether this is a declaration alone: nothing has to be provided for it."""
        return self.contract is None

    def check(self, provided: object) -> None:
        """Raise unless ``provided`` satisfies the contract; done once, when it is provided.

        Raises:
            ContractError: Names every fault at once.
        """
        contract = self.contract
        if contract is None or contract is object:
            return
        if not getattr(contract, "_is_protocol", False) and isinstance(provided, contract):
            return
        faults = tuple(_faults(contract, provided))
        if faults:
            raise ContractError(str(self), contract.__qualname__, type(provided).__qualname__, faults)

    def __repr__(self) -> str:
        return f"Capability({str(self)!r}, version={self.version!r})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot set '{name}': a capability is immutable")

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.name, self.version, self.contract, self.qualifier)


def _restore(name: str, version: str, contract: type[Any] | None, qualifier: str | None) -> Capability[Any]:
    return Capability(name, version=version, contract=contract, qualifier=qualifier)


def _faults(contract: type, provided: object) -> Iterator[str]:
    """Say what keeps ``provided`` from being a ``contract``: nominal for classes, by member for protocols."""
    if not getattr(contract, "_is_protocol", False):
        # A capability may hand out classes as well as objects: a subclass of the contract is the class form.
        if isinstance(provided, contract) or (isinstance(provided, type) and issubclass(provided, contract)):
            return
        yield f"it is not a {contract.__qualname__}"
        return
    missing = object()
    for member in sorted(_members(contract)):
        found = getattr(provided, member, missing)
        if found is missing:
            yield f"'{member}' is missing"
        elif callable(getattr(contract, member, None)) and not callable(found):
            yield f"'{member}' is not callable"


def _members(protocol: type) -> set[str]:
    """List the public members that a protocol and its base protocols ask for."""
    members: set[str] = set()
    for base in protocol.__mro__:
        members.update(name for name in (*vars(base), *vars(base).get("__annotations__", ())) if name[0] != "_")
        if "__call__" in vars(base):
            members.add("__call__")
    return members


@final
@value(frozen=True, slots=True)
class Requirement:
    """What a plugin needs: a capability, or a plugin by its id, in a range of versions.

    Args:
        target: A capability, or a plugin's id. A plain string is an id; ``Capability.parse`` makes a capability of one.
        range: A version range such as ``^1.2``; for a capability it is the contract's version.
        optional: The plugin works without; when the target is there it is loaded before.
    """

    target: Capability[Any] | str
    range: str = "*"
    optional: bool = False

    @property
    def is_capability(self) -> bool:
        """Tell whether a capability is required, in contrast to one certain plugin."""
        return isinstance(self.target, Capability)

    def __str__(self) -> str:
        kind = "capability" if self.is_capability else "plugin"
        return f"{kind} '{self.target}' {self.range}" + (" (optional)" if self.optional else "")
