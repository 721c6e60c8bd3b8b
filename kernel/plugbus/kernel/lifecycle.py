"""Bringing one plugin up and taking it down: the steps, their order, and the way back from each."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from .asynchrony import is_async, is_plain_method
from .context import PluginContext
from .errors import PluginLoadError, SubscriptionError, UndeclaredCapabilityError
from .plugin import Plugin, read_metadata
from .registry import PluginFailure
from .values import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .bus import EventBus
    from .events import Event
    from .hooks import Hooks
    from .keeping import StateKeeper
    from .load_cause import LoadCause
    from .locator import ServiceLocator
    from .metadata import PluginMetadata
    from .plugin import PluginSource


class LoadedPlugin:
    """A plugin that is up, with what is needed to take it down again. No value: two of them are never the same.

    Attributes:
        source: Where it comes from.
        plugin: The plugin itself.
        context: What it did through it is undone at unload.
        hooks: Calls its hooks.
        keeper: Saves its state.
        cause: Why it was loaded.
        began: What ``perf_counter`` said when its load began.
        load_s: How many seconds it took until ``on_load`` had returned.
    """

    __slots__ = ("began", "cause", "context", "hooks", "keeper", "load_s", "plugin", "source")

    def __init__(
        self,
        source: PluginSource,
        plugin: Plugin,
        context: PluginContext,
        hooks: Hooks,
        keeper: StateKeeper,
        cause: LoadCause,
        began: float,
        load_s: float,
    ) -> None:
        self.source = source
        self.plugin = plugin
        self.context = context
        self.hooks = hooks
        self.keeper = keeper
        self.cause = cause
        self.began = began
        self.load_s = load_s


@value(frozen=True, slots=True)
class StepFailure:
    """One thing that went wrong while a plugin was taken down; it was taken down all the same.

    Args:
        plugin_id: The plugin.
        step: ``save_state``, ``on_unload``, ``undo``, ``close``, or ``publish`` where a subscriber of the kernel's
            events interrupted.
        error: What was raised.
    """

    plugin_id: str
    step: str
    error: BaseException


class PluginBringUp:
    """Load one plugin. A failure at any step undoes the steps before it.

    1. ``open``: the source brings the code in.
    2. ``configure``: the host's configuration is validated for it.
    3. ``on_load``: the plugin sets itself up; what it offers is held back.
    4. ``restore_state``: it takes over the state that is stored for it, if any is.
    5. ``provide``: everything that was declared is there, and all of it becomes visible in one step.
    """

    __slots__ = (
        "_bus",
        "_cause",
        "_code",
        "_configure",
        "_context",
        "_hooks",
        "_is_closed",
        "_keeper",
        "_services",
        "_source",
        "step",
        "undo_failures",
    )

    def __init__(
        self,
        source: PluginSource,
        bus: EventBus,
        services: ServiceLocator,
        configure: Callable[[PluginMetadata, Plugin], object],
        hooks: Hooks,
        keeper: StateKeeper,
        cause: LoadCause,
    ) -> None:
        self._keeper = keeper
        self._hooks = hooks
        self._code = hooks.guard(source)
        self._cause = cause
        self._source = source
        self._bus = bus
        self._services = services
        self._configure = configure
        self._context: PluginContext | None = None
        self._is_closed = False
        self.step = "open"
        self.undo_failures: tuple[StepFailure, ...] = ()

    def run(self) -> LoadedPlugin:
        """Take all steps.

        Raises:
            PluginLoadError: A step failed; the failure is its cause, and nothing of the load is left.
        """
        try:
            loaded = self.prepare()
            self.step = "restore_state"
            self._keeper.restore(loaded)
            self.step = "provide"
            self.reveal(loaded)
        except BaseException as error:
            self.undo()
            if isinstance(error, Exception):
                raise PluginLoadError(self._source.metadata.id, self.step, _text(error)) from error
            raise
        return loaded

    def prepare(self) -> LoadedPlugin:
        """Take the steps up to ``on_load``; nothing is visible yet."""
        began = perf_counter()
        metadata = self._source.metadata
        self.step = "open"
        plugin = self._code.open()
        _check_identity(plugin, metadata)
        self.step = "configure"
        config = self._hooks.call(metadata.id, "configure", self._configure, metadata, plugin)
        self._context = context = PluginContext(metadata, self._bus, self._services, config)
        self.step = "on_load"
        self._hooks.call_for(context, "on_load", plugin.on_load, context)
        self.step = "provide"
        if metadata.provides:
            missing = context.missing(metadata.provides)
            if missing:
                raise UndeclaredCapabilityError(metadata.id, missing)
        _subscribe_on_event(plugin, context)
        load_s = perf_counter() - began
        return LoadedPlugin(self._source, plugin, context, self._hooks, self._keeper, self._cause, began, load_s)

    def reveal(self, loaded: LoadedPlugin, replacing: LoadedPlugin | None = None) -> None:
        """Make everything that the plugin offers visible, in place of another plugin's if given."""
        loaded.context.open_up(None if replacing is None else replacing.context)

    def undo(self) -> None:
        """Leave nothing of the load behind; what fails on the way is kept in ``undo_failures``.

        Called again, it goes on where an interrupt stopped it.
        """
        plugin_id = self._source.metadata.id
        if self._context is not None and not self._is_closed:
            self._context.withdraw()
            for error in self._context.close():
                self.undo_failures += (StepFailure(plugin_id, "undo", error),)
        close = self._code.close
        if not self._is_closed:
            self._is_closed = True
            try:
                close()
            except BaseException as error:  # noqa: BLE001 - reported with the rest of what went wrong
                self.undo_failures += (StepFailure(plugin_id, "close", error),)


class TakeDown:
    """Unload one plugin. No failure stops the rest.

    1. Its subscriptions are cancelled and its provisions withdrawn.
    2. ``save_state``: its state is stored, where there is a store; nothing that comes from others changes it any more.
    3. ``on_unload`` runs.
    4. What was done through its context is undone, in reverse.
    5. ``close``: the source takes the code out.

    An interrupt, such as Ctrl-C, may come between any two lines of the kernel. It leaves ``run``, and the next ``run``
    goes on at the step where it came; no hook is called twice.

    Attributes:
        loaded: The plugin.
        failures: Everything that went wrong so far.
    """

    __slots__ = ("_is_called", "_taken", "failures", "loaded")

    def __init__(self, loaded: LoadedPlugin) -> None:
        self.loaded = loaded
        self.failures: list[StepFailure] = []
        self._is_called = False
        self._taken = 0  # how many steps

    def run(self) -> None:
        """Take all steps that were not taken yet."""
        if not self._taken:
            self._withdraw()
        if self._taken == 1:
            self._save()
        if self._taken == 2:
            self._on_unload()
        if self._taken == 3:
            self._undo()
        if self._taken == 4:
            self._close()

    def withdraw(self) -> None:
        """Take the first step alone."""
        if not self._taken:
            self._withdraw()

    def _withdraw(self) -> None:
        self.loaded.context.withdraw()
        self._taken = 1

    def _save(self) -> None:
        save = self.loaded.keeper.save
        self._taken = 2
        try:
            save(self.loaded)
        except BaseException as error:  # noqa: BLE001 - as below; what was stored before stays
            self.failures.append(StepFailure(self.loaded.context.plugin_id, "save_state", error))

    def _on_unload(self) -> None:
        try:
            self.loaded.hooks.call_for(self.loaded.context, "on_unload", self._call_on_unload)
        except BaseException as error:
            if not self._is_called and not isinstance(error, Exception):
                raise  # an interrupt came before the hook: it is still to be called
            self._taken = 3  # the remaining steps must run; the kernel raises it at the end
            self.failures.append(StepFailure(self.loaded.context.plugin_id, "on_unload", error))
        else:
            self._taken = 3

    def _call_on_unload(self) -> None:
        self._is_called = True
        self.loaded.plugin.on_unload(self.loaded.context)

    def _undo(self) -> None:
        for error in self.loaded.context.close():
            self.failures.append(StepFailure(self.loaded.context.plugin_id, "undo", error))
        self._taken = 4

    def _close(self) -> None:
        # Between the count of this step and the call no interrupt can come.
        close = self.loaded.source.close
        self._taken = 5
        try:
            close()
        except BaseException as error:  # noqa: BLE001 - the kernel raises it at the end
            self.failures.append(StepFailure(self.loaded.context.plugin_id, "close", error))


def describe_failure(step: str, error: BaseException, version: str = "") -> PluginFailure:
    """Keep a failure as text, free of the frames that an exception holds."""
    from traceback import format_exception

    kind = type(error)
    trace = "".join(format_exception(error))
    return PluginFailure(step, f"{kind.__module__}.{kind.__qualname__}", _text(error), trace, version)


def _check_identity(plugin: Plugin, metadata: PluginMetadata) -> None:
    """Refuse code that is no plugin, or says to be another one than it was registered as."""
    for hook in ("on_load", "on_unload"):
        call = getattr(plugin, hook, None)
        if is_plain_method(call):
            continue
        if not callable(call):
            raise TypeError(f"{type(plugin).__qualname__} is no plugin: its '{hook}' can't be called")
        if is_async(call):
            raise TypeError(
                f"{type(plugin).__qualname__} is no plugin: its '{hook}' is 'async def', which nothing awaits"
            )
    declared = getattr(plugin, "metadata", None)
    if declared is None or declared is metadata:
        return
    said = read_metadata(plugin)
    if (said.id, said.version) != (metadata.id, metadata.version):
        raise ValueError(
            f"the code says to be '{said.id}' {said.version}, it was registered as '{metadata.id}' {metadata.version}"
        )


def _subscribe_on_event(plugin: Plugin, context: PluginContext) -> None:
    """Subscribe the ``on_event`` hook, if the plugin overrides it, once to each of its event types."""
    if getattr(type(plugin), "on_event", None) is Plugin.on_event:
        return
    hook: Callable[[Any, PluginContext], None] | None = getattr(plugin, "on_event", None)
    if hook is None:
        return

    if is_async(hook):
        raise SubscriptionError("on_event", "the bus is synchronous and the hook is 'async def'")
    wanted: Iterable[str | type[Event]] = getattr(plugin, "event_types", Plugin.event_types)
    if isinstance(wanted, (str, type)):
        raise TypeError(f"event_types is the single {wanted!r}; give a tuple of event classes and topics")

    def on_event(event: Event) -> None:
        hook(event, context)

    on_event.__qualname__ = getattr(hook, "__qualname__", type(hook).__qualname__)
    on_event.__module__ = getattr(hook, "__module__", type(hook).__module__)
    selectors = dict.fromkeys(wanted)
    for selector in ("*",) if "*" in selectors else selectors:
        context.subscribe(selector, on_event)


def _text(error: BaseException) -> str:
    kind = type(error).__qualname__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a plugin's exception may be as broken as the plugin
        text = "its text can't be made"
    return f"{kind}: {text}" if text else kind
