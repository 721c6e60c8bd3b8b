"""Every error the kernel raises: one root, the built-in that fits beside it, facts as attributes.

Each class takes positional facts, keeps them as attributes and passes them to ``Exception.__init__``, so that errors
can be told apart without reading their text, and survive pickling on their way through processes and Ray.
The text has one form: ``cannot <verb> <kind> '<id>': <cause>[; <what to do>]``.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def near_names(wanted: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return up to three of ``known`` that a person may have meant by ``wanted``, best first."""
    return tuple(get_close_matches(wanted, sorted(known), n=3, cutoff=0.6))


def offer(near: Sequence[str]) -> str:
    """Return the tail of a message that offers near names, or an empty string when there are none."""
    if not near:
        return ""
    return "; did you mean " + " or ".join(f"'{name}'" for name in near) + "?"


class KernelError(Exception):
    """Root of everything the kernel raises on purpose."""


class VersionError(KernelError, ValueError):
    """Refuse a text that is no version, or a range that nothing could be compared with.

    Args:
        text: The text as it was given.
        cause: Why it was refused.
        remedy: What to write instead, empty when there is nothing to offer.
    """

    kind = "version"

    def __init__(self, text: str, cause: str, remedy: str = "") -> None:
        super().__init__(text, cause, remedy)
        self.text = text
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        tail = f"; {self.remedy}" if self.remedy else ""
        return f"cannot read {self.kind} '{self.text}': {self.cause}{tail}"


class VersionRangeError(VersionError):
    """Refuse a text that is no version range."""

    kind = "version range"


class CapabilityNameError(KernelError, ValueError):
    """Refuse a capability whose text form could not be read back."""

    def __init__(self, text: str, cause: str) -> None:
        super().__init__(text, cause)
        self.text = text
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot name capability '{self.text}': {self.cause}"


class ContractError(KernelError, TypeError):
    """Refuse an object that does not satisfy the contract of the capability it is provided for."""

    def __init__(self, capability: str, contract: str, provided: str, faults: tuple[str, ...]) -> None:
        super().__init__(capability, contract, provided, faults)
        self.capability = capability
        self.contract = contract
        self.provided = provided
        self.faults = faults

    def __str__(self) -> str:
        return (
            f"cannot provide capability '{self.capability}': {self.provided} does not satisfy "
            f"{self.contract}: {', '.join(self.faults)}"
        )


class MetadataError(KernelError, ValueError):
    """Refuse metadata, with every fault."""

    def __init__(self, plugin_id: str, faults: tuple[str, ...]) -> None:
        super().__init__(plugin_id, faults)
        self.plugin_id = plugin_id
        self.faults = faults

    def __str__(self) -> str:
        return f"cannot describe plugin '{self.plugin_id}': {'; '.join(self.faults)}"


class PluginExistsError(KernelError, ValueError):
    """Refuse to register a plugin of which this very version is registered."""

    def __init__(self, plugin_id: str, version: str, origin: str, other_origin: str) -> None:
        super().__init__(plugin_id, version, origin, other_origin)
        self.plugin_id = plugin_id
        self.version = version
        self.origin = origin
        self.other_origin = other_origin

    def __str__(self) -> str:
        return (
            f"cannot register plugin '{self.plugin_id}': version {self.version} of {self.other_origin} is registered "
            f"already, the new one is of {self.origin}; unregister it first, or swap"
        )


class PluginNotFoundError(KernelError, LookupError):
    """Name a plugin id that nobody registered, and offer near ones."""

    def __init__(self, plugin_id: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(plugin_id, near)
        self.plugin_id = plugin_id
        self.near = near

    def __str__(self) -> str:
        return f"cannot find plugin '{self.plugin_id}': it is not registered{offer(self.near)}"


class PluginTypeError(KernelError, TypeError):
    """Name a plugin that is not of the type asked for."""

    def __init__(self, plugin_id: str, expected: str, found: str) -> None:
        super().__init__(plugin_id, expected, found)
        self.plugin_id = plugin_id
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"cannot get plugin '{self.plugin_id}' as {self.expected}: it is a {self.found}"


class ResolutionError(KernelError, LookupError):
    """Explain why no set of candidates meets what is wanted.

    Args:
        wanted: The plugin ids that were asked for.
        causes: One sentence for each reason: which requirement, of whom, ruled out which candidate.
    """

    def __init__(self, wanted: tuple[str, ...], causes: tuple[str, ...]) -> None:
        super().__init__(wanted, causes)
        self.wanted = wanted
        self.causes = causes

    def __str__(self) -> str:
        return f"cannot resolve plugins {_quoted(self.wanted)}: {'; '.join(self.causes)}"


class CycleError(ResolutionError):
    """Name plugins that need each other in a circle, as ``a -> b -> a``."""

    def __init__(self, wanted: tuple[str, ...], path: tuple[str, ...]) -> None:
        super().__init__(wanted, (f"they need each other: {' -> '.join(path)}",))
        self.args = (wanted, path)
        self.path = path


class PluginStateError(KernelError, RuntimeError):
    """Refuse a call that the plugin's present state does not allow."""

    def __init__(self, verb: str, plugin_id: str, state: str, remedy: str = "") -> None:
        super().__init__(verb, plugin_id, state, remedy)
        self.verb = verb
        self.plugin_id = plugin_id
        self.state = state
        self.remedy = remedy

    def __str__(self) -> str:
        tail = f"; {self.remedy}" if self.remedy else ""
        return f"cannot {self.verb} plugin '{self.plugin_id}': it is {self.state}{tail}"


class DependentsError(KernelError, RuntimeError):
    """Refuse to take a plugin away from those that need it."""

    def __init__(self, verb: str, plugin_id: str, dependents: tuple[str, ...]) -> None:
        super().__init__(verb, plugin_id, dependents)
        self.verb = verb
        self.plugin_id = plugin_id
        self.dependents = dependents

    def __str__(self) -> str:
        return (
            f"cannot {self.verb} plugin '{self.plugin_id}': {_quoted(self.dependents)} need it; "
            f"unload them first, or pass cascade=True"
        )


class PluginLoadError(KernelError, RuntimeError):
    """Say at which step a plugin failed to load; everything that the load had changed is undone.

    Args:
        plugin_id: The plugin that failed.
        step: ``open`` (its code was brought in), ``configure``, ``on_load`` or ``provide``.
        cause: The failure as text; the exception itself is the ``__cause__``.
    """

    def __init__(self, plugin_id: str, step: str, cause: str) -> None:
        super().__init__(plugin_id, step, cause)
        self.plugin_id = plugin_id
        self.step = step
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot load plugin '{self.plugin_id}': {self.step} failed: {self.cause}"


class SwapError(KernelError, RuntimeError):
    """Say at which step a swap failed; the old plugin serves on, and nothing of the new one is left.

    Args:
        old_id: The plugin that was to go.
        new_id: The plugin that was to take its place.
        step: ``plan``, ``open``, ``configure``, ``on_load``, ``provide``, ``hand_over`` or ``switch``.
        cause: The failure as text; the exception itself, where there was one, is the ``__cause__``.
    """

    def __init__(self, old_id: str, new_id: str, step: str, cause: str) -> None:
        super().__init__(old_id, new_id, step, cause)
        self.old_id = old_id
        self.new_id = new_id
        self.step = step
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot swap plugin '{self.old_id}' for '{self.new_id}': {self.step} failed: {self.cause}"


class StateError(KernelError, ValueError):
    """Refuse a state that a successor could not restore."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot hand state over: {self.cause}"


class FailedDependencyError(KernelError, RuntimeError):
    """Refuse to load what needs a plugin that failed; names it and its failure."""

    def __init__(self, plugin_id: str, dependency: str, failure: str) -> None:
        super().__init__(plugin_id, dependency, failure)
        self.plugin_id = plugin_id
        self.dependency = dependency
        self.failure = failure

    def __str__(self) -> str:
        return (
            f"cannot load plugin '{self.plugin_id}': it needs '{self.dependency}', which failed: {self.failure}; "
            f"load '{self.dependency}' again once that is repaired"
        )


class PluginUnloadError(KernelError, ExceptionGroup[Exception]):
    """Hold everything that went wrong while plugins were unloaded; they are unloaded all the same."""

    def derive(self, excs: Sequence[Exception]) -> PluginUnloadError:  # type: ignore[override] # a part of a group of Exceptions holds only such
        """Keep the class when a part of the group is taken."""
        return PluginUnloadError(self.message, excs)


class UndeclaredCapabilityError(KernelError, RuntimeError):
    """Name the capabilities that a plugin declared and did not provide."""

    def __init__(self, plugin_id: str, missing: tuple[str, ...]) -> None:
        super().__init__(plugin_id, missing)
        self.plugin_id = plugin_id
        self.missing = missing

    def __str__(self) -> str:
        return (
            f"cannot activate plugin '{self.plugin_id}': it declares {_quoted(self.missing)} and on_load did not "
            f"provide them; call ctx.provide(...) there, or drop them from its metadata"
        )


class ServiceNotFoundError(KernelError, LookupError):
    """Name a service or capability that nobody provides, and what is there."""

    def __init__(self, key: str, near: tuple[str, ...] = (), known: tuple[str, ...] = ()) -> None:
        super().__init__(key, near, known)
        self.key = key
        self.near = near
        self.known = known

    def __str__(self) -> str:
        there = f"; provided are {_quoted(self.known)}" if self.known and not self.near else ""
        return f"cannot get service '{self.key}': nothing provides it{offer(self.near)}{there}"


class AmbiguousServiceError(KernelError, LookupError):
    """Name a capability with several providers among which the host did not choose."""

    def __init__(self, key: str, owners: tuple[str, ...]) -> None:
        super().__init__(key, owners)
        self.key = key
        self.owners = owners

    def __str__(self) -> str:
        return (
            f"cannot get service '{self.key}': {_quoted(self.owners)} provide it; name one in the host's preferences, "
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


class SubscriptionError(KernelError, TypeError):
    """Refuse a subscription that could never work."""

    def __init__(self, selector: str, cause: str) -> None:
        super().__init__(selector, cause)
        self.selector = selector
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot subscribe to '{self.selector}': {self.cause}"


class PayloadTypeError(KernelError, TypeError):
    """Name both types when a custom event carries something else than its reader expected."""

    def __init__(self, event_type: str, expected: str, found: str) -> None:
        super().__init__(event_type, expected, found)
        self.event_type = event_type
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"cannot read event '{self.event_type}' as {self.expected}: it carries a {self.found}"


class ForgedEventError(KernelError, PermissionError):
    """Refuse an event that only the kernel may publish."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self.topic = topic

    def __str__(self) -> str:
        return f"cannot publish event '{self.topic}': the kernel alone publishes it; choose another event type"


class PublishDepthError(KernelError, RecursionError):
    """Stop subscribers that publish in a circle."""

    def __init__(self, topic: str, limit: int) -> None:
        super().__init__(topic, limit)
        self.topic = topic
        self.limit = limit

    def __str__(self) -> str:
        return (
            f"cannot publish event '{self.topic}': {self.limit} events are being delivered inside one another; "
            f"look for a subscriber that publishes what it subscribes to, or raise depth_limit"
        )


class KernelClosedError(KernelError, RuntimeError):
    """Refuse to use a kernel after its shutdown."""

    def __init__(self, verb: str) -> None:
        super().__init__(verb)
        self.verb = verb

    def __str__(self) -> str:
        return f"cannot {self.verb}: the kernel is shut down; make a new one"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
