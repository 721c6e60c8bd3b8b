"""Services and capabilities that can't be had or provided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .root import KernelError
from .wording import offer, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence


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


class ServiceWithdrawnError(ServiceNotFoundError):
    """Say that a service was withdrawn while it was built, or its plugin unloaded while a scope held it."""

    def __str__(self) -> str:
        return f"cannot get service '{self.key}': its provider has withdrawn it; ask again for who provides it now"


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


class ServiceBuildError(KernelError, RuntimeError):
    """Say that a service could not be built when it was first wanted; the next who wants it tries again.

    Args:
        key: What it is provided under.
        owner: The plugin whose factory it is, or ``host``.
        cause: The failure as text; the exception itself is the ``__cause__``.
    """

    def __init__(self, key: str, owner: str, cause: str) -> None:
        super().__init__(key, owner, cause)
        self.key = key
        self.owner = owner
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot build service '{self.key}' of '{self.owner}': {self.cause}"


class ServiceCircleError(KernelError, RuntimeError):
    """Name the services that need each other to be built; the first is the last."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return (
            f"cannot build service '{self.path[0]}': it is needed to build itself: {' -> '.join(self.path)}; "
            f"let one of them ask for the other when it is used, not when it is built"
        )


class ServiceCloseError(KernelError, RuntimeError):
    """Say that the ``close`` of a service raised; the service is gone all the same.

    Args:
        key: What it was provided under.
        owner: The plugin that provided it, or ``host``.
        cause: The failure as text; the exception itself is the ``__cause__``.
    """

    def __init__(self, key: str, owner: str, cause: str) -> None:
        super().__init__(key, owner, cause)
        self.key = key
        self.owner = owner
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot close service '{self.key}' of '{self.owner}': {self.cause}"


class ServiceTimeoutError(KernelError, TimeoutError):
    """Say that nobody provided a service in time, and what is there.

    Args:
        key: What was waited for.
        timeout_s: For how many seconds.
        near: Names that a person may have meant.
        known: Everything that is provided.
    """

    def __init__(self, key: str, timeout_s: float, near: tuple[str, ...] = (), known: tuple[str, ...] = ()) -> None:
        super().__init__()
        # An OSError would read these as an error number and a file's name.
        self.args = (key, timeout_s, near, known)
        self.key = key
        self.timeout_s = timeout_s
        self.near = near
        self.known = known

    def __str__(self) -> str:
        there = f"; provided are {quoted(self.known)}" if self.known and not self.near else ""
        return (
            f"cannot get service '{self.key}': nothing has provided it within {self.timeout_s:g} s"
            f"{offer(self.near)}{there}"
        )


class ScopeError(KernelError, RuntimeError):
    """Say why a service can't be had here: it lives in a scope, and there is none, or none any more."""

    def __init__(self, key: str, cause: str, remedy: str) -> None:
        super().__init__(key, cause, remedy)
        self.key = key
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"cannot get service '{self.key}': {self.cause}; {self.remedy}"


class ScopeCloseError(KernelError, ExceptionGroup[Exception]):
    """Hold everything that went wrong while services of scopes were closed; they are gone all the same."""

    def derive(self, excs: Sequence[Exception]) -> ScopeCloseError:  # type: ignore[override] # a part of a group of Exceptions holds only such
        """Keep the class when a part of the group is taken."""
        return ScopeCloseError(self.message, excs)
