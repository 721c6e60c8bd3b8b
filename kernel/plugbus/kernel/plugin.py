"""The contract of a plugin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from .metadata import PluginMetadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .context import PluginContext
    from .events import Event

MetadataSource: TypeAlias = PluginMetadata | Callable[..., PluginMetadata]


class Plugin:
    """Base of every plugin. All hooks are optional.

    Lifecycle:

    1. ``metadata`` is read; nothing else of the plugin runs before its needs are resolved.
    2. ``on_load(ctx)``: provide capabilities, subscribe, start what you need. When it returns, everything that was
       provided and subscribed becomes visible in one step, and ``PluginLoaded`` is published.
    3. ``on_event(event, ctx)``: called for the topics of ``event_types``, if you override it.
    4. ``on_unload(ctx)``: stop what you started. Whatever was done through ``ctx`` is undone for you, even if this hook
       raises; before it is called the plugin's subscriptions are cancelled and its capabilities withdrawn.

    ``metadata`` is a class attribute or, as a method, made on demand. A plugin that ships a manifest needs neither.
    """

    metadata: MetadataSource

    event_types: tuple[str | type[Event], ...] = ("*",)
    """What ``on_event`` is called for: event classes, topics, or ``"*"`` for everything."""

    state_version: str = "1.0"
    """Version of the form of what ``save_state`` returns; a successor that reads another major is refused."""

    def on_load(self, ctx: PluginContext) -> None:
        """Set the plugin up; raise to refuse, and everything done so far is undone."""

    def on_unload(self, ctx: PluginContext) -> None:
        """Release what was not taken through ``ctx``."""

    def on_event(self, event: Event, ctx: PluginContext) -> None:
        """React to an event. Subscribed only if overridden."""

    def save_state(self) -> Mapping[str, Any]:
        """Return what a successor needs to go on where this plugin stops: plain data. Nothing by default.

        Called in a swap, while the plugin serves; and at an unload where the kernel has a state store, before
        ``on_unload`` and when nothing reaches the plugin any more.
        """
        return {}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        """Take over what a predecessor saved, or what is stored from the last time.

        Called after ``on_load`` and before anything becomes visible.
        """


class PluginSource(Protocol):
    """Where a plugin comes from: metadata that is read without running its code, and a way to bring the code in.

    A source belongs to one kernel. ``open`` and ``close`` alternate, and are never called at the same time. It may have
    a method ``renew()``, which reads its metadata anew and returns a source of the same place: a reload asks for that.
    """

    @property
    def metadata(self) -> PluginMetadata:
        """Describe the plugin."""
        ...

    @property
    def origin(self) -> str:
        """Say for people where the plugin comes from: a path, a module, an object."""
        ...

    def open(self) -> Plugin:
        """Bring the code in and return the plugin."""
        ...

    def close(self) -> None:
        """Take the code out again; idempotent, and called also after a failed ``open``."""
        ...


class InstanceSource:
    """A plugin that is already there as an object.

    Attributes:
        metadata: What the plugin said of itself when it was registered.
    """

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self.metadata = read_metadata(plugin)

    @property
    def origin(self) -> str:
        """Name the plugin's class."""
        kind = type(self._plugin)
        return f"{kind.__module__}.{kind.__qualname__}"

    def open(self) -> Plugin:
        """Return the object."""
        return self._plugin

    def close(self) -> None:
        """Keep the object: it belongs to whoever made it."""


def read_metadata(plugin: Plugin) -> PluginMetadata:
    """Return a plugin's metadata, calling ``metadata`` where it is a method.

    Raises:
        TypeError: It has none, or ``metadata`` is something else.
    """
    kind = type(plugin).__qualname__
    if isinstance(plugin, type):
        raise TypeError(f"cannot register plugin class '{plugin.__qualname__}': pass an object of it")
    declared = getattr(plugin, "metadata", None)
    if callable(declared):
        declared = declared()
    if not isinstance(declared, PluginMetadata):
        raise TypeError(
            f"cannot register plugin '{kind}': its metadata is a {type(declared).__qualname__}, not PluginMetadata; "
            f"set the class attribute or define the method 'metadata'"
        )
    return declared
