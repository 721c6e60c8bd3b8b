"""Services and capabilities that can't be had or provided."""

from __future__ import annotations

from .root import KernelError
from .wording import offer, quoted


class ServiceNotFoundError(KernelError, LookupError):
    """Name a service or capability that nobody provides, and what is there."""

    def __init__(self, key: str, near: tuple[str, ...] = (), known: tuple[str, ...] = ()) -> None:
        super().__init__(key, near, known)
        self.key = key
        self.near = near
        self.known = known

    def __str__(self) -> str:
        there = f"; provided are {quoted(self.known)}" if self.known and not self.near else ""
        return f"cannot get service '{self.key}': nothing provides it{offer(self.near)}{there}"


class AmbiguousServiceError(KernelError, LookupError):
    """Name a capability with several providers among which the host did not choose."""

    def __init__(self, key: str, owners: tuple[str, ...]) -> None:
        super().__init__(key, owners)
        self.key = key
        self.owners = owners

    def __str__(self) -> str:
        return (
            f"cannot get service '{self.key}': {quoted(self.owners)} provide it; name one in the host's preferences, "
            f"or ask for all of them"
        )


class ServiceExistsError(KernelError, ValueError):
    """Refuse to put a service over another one of the same name."""

    def __init__(self, key: str, owner: str, other_owner: str) -> None:
        super().__init__(key, owner, other_owner)
        self.key = key
        self.owner = owner
        self.other_owner = other_owner

    def __str__(self) -> str:
        return (
            f"cannot provide service '{self.key}' of '{self.owner}': '{self.other_owner}' provides it already; "
            f"choose another name, or declare a capability, which may have several providers"
        )


class ServiceTypeError(KernelError, TypeError):
    """Name both types when a service is not what its caller expected."""

    def __init__(self, key: str, expected: str, found: str) -> None:
        super().__init__(key, expected, found)
        self.key = key
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"cannot get service '{self.key}' as {self.expected}: it is a {self.found}"
