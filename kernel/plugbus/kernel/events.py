"""Events: frozen facts that were published. The kernel's own are declared here; anyone may declare more."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from .errors import PayloadTypeError
from .values import value

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


@value(frozen=True, slots=True)
class Event:
    """Root of all events. Subclass it as a frozen dataclass named in the past participle.

    Its topic, by which it can be subscribed to as text, is the name of its class.
    Fields are ids, values and errors, never live services: an event may be kept, recorded and sent.
    """

    @property
    def topic(self) -> str:
        """Return the name under which text subscriptions match."""
        return type(self).__name__

    @staticmethod
    def custom(event_type: str, data: object = None) -> CustomEvent:
        """Make an event of a kind that has no class: ``Event.custom("MyEvent", payload)``."""
        return CustomEvent(event_type, data)


@value(frozen=True, slots=True)
class CustomEvent(Event):
    """An event whose topic is a text chosen by its publisher.

    Args:
        event_type: The topic; not blank, not ``*``, and not the name of one of the kernel's own events.
        data: Any object; subscribers get this very object.
    """

    event_type: str
    data: object = None

    def __post_init__(self) -> None:
        if not self.event_type.strip() or self.event_type == "*":
            raise ValueError(f"cannot make custom event '{self.event_type}': a topic is not blank and not '*'")

    @property
    def topic(self) -> str:
        """Return the event type."""
        return self.event_type

    def read(self, expected: type[T]) -> T:
        """Return the data as ``expected``.

        Raises:
            PayloadTypeError: The data is of another type; names both.
        """
        if not isinstance(self.data, expected):
            raise PayloadTypeError(self.event_type, expected.__qualname__, type(self.data).__qualname__)
        return self.data


@value(frozen=True, slots=True)
class KernelEvent(Event):
    """Root of the events that the kernel alone may publish."""


@value(frozen=True, slots=True)
class SystemInit(KernelEvent):
    """All wanted plugins were loaded for the first time."""


@value(frozen=True, slots=True)
class SystemShutdown(KernelEvent):
    """The kernel begins to shut down; every plugin is still loaded."""


@value(frozen=True, slots=True)
class PluginRegistered(KernelEvent):
    """A plugin became known, without any of its code being run."""

    plugin_id: str
    version: str = ""


@value(frozen=True, slots=True)
class PluginUnregistered(KernelEvent):
    """A plugin is no longer known."""

    plugin_id: str
    version: str = ""


@value(frozen=True, slots=True)
class PluginLoaded(KernelEvent):
    """A plugin became active: what it provides can be used."""

    plugin_id: str
    version: str = ""


@value(frozen=True, slots=True)
class PluginUnloaded(KernelEvent):
    """A plugin was unloaded and everything that it had taken was released."""

    plugin_id: str
    version: str = ""


@value(frozen=True, slots=True)
class PluginFailed(KernelEvent):
    """A plugin failed to load or to unload; what the attempt had changed is undone.

    Args:
        plugin_id: The plugin.
        step: ``open``, ``configure``, ``on_load``, ``restore_state`` or ``provide``; in a ``load_all`` also ``resolve``
            or ``dependency``; at an unload ``save_state``, ``on_unload``, ``undo`` or ``close``.
        error: What was raised.
        version: The plugin's version.
    """

    plugin_id: str
    step: str
    error: BaseException
    version: str = ""


@value(frozen=True, slots=True)
class PluginSwapped(KernelEvent):
    """A plugin was replaced by another one without a gap in what they provide."""

    old_id: str
    new_id: str
    old_version: str = ""
    new_version: str = ""


@value(frozen=True, slots=True)
class PluginDisabled(KernelEvent):
    """The host keeps a plugin out: it is unloaded, and part of no plan until it is enabled."""

    plugin_id: str
    reason: str = ""


@value(frozen=True, slots=True)
class PluginEnabled(KernelEvent):
    """A plugin that was disabled or quarantined may be loaded again."""

    plugin_id: str


@value(frozen=True, slots=True)
class PluginQuarantined(KernelEvent):
    """A plugin failed too often in a row: it is part of no plan until it is enabled.

    Args:
        plugin_id: The plugin.
        failures: How many loads in a row failed.
        reason: The last failure, as text.
    """

    plugin_id: str
    failures: int
    reason: str = ""


@value(frozen=True, slots=True)
class CapabilityProvided(KernelEvent):
    """A capability or service can be used from now on."""

    capability: str
    plugin_id: str


@value(frozen=True, slots=True)
class CapabilityWithdrawn(KernelEvent):
    """A provider of a capability or service went away."""

    capability: str
    plugin_id: str


@value(frozen=True, slots=True)
class SubscriberFailed(KernelEvent):
    """A subscriber raised; the other subscribers got the event all the same.

    Args:
        subscriber: The qualified name of the function that raised.
        owner: The plugin that had subscribed it, empty for the host.
        event: The event that it was called with.
        exception: What it raised.
    """

    subscriber: str
    owner: str
    event: Event
    exception: BaseException


def kernel_topics() -> Mapping[str, type[KernelEvent]]:
    """Map the reserved topics to the event classes that own them."""
    return {kind.__name__: kind for kind in _KINDS}


_KINDS: tuple[type[KernelEvent], ...] = (
    KernelEvent,
    SystemInit,
    SystemShutdown,
    PluginRegistered,
    PluginUnregistered,
    PluginLoaded,
    PluginUnloaded,
    PluginFailed,
    PluginSwapped,
    PluginDisabled,
    PluginEnabled,
    PluginQuarantined,
    CapabilityProvided,
    CapabilityWithdrawn,
    SubscriberFailed,
)
