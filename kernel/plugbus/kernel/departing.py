"""The way out of the kernel: a plugin is taken down, forgotten and told about, to the end, whatever comes between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .context import PluginContext
from .events import PluginFailed, PluginUnloaded
from .lifecycle import StepFailure, TakeDown
from .registry import PluginState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .bus import EventBus
    from .events import KernelEvent
    from .lifecycle import LoadedPlugin
    from .metadata import PluginMetadata
    from .transitions import Transitions


class Departure:
    """One plugin that is claimed and goes.

    1. It is withdrawn; ``CapabilityWithdrawn`` is published for what it provided.
    2. It is taken down.
    3. Its record says ``registered`` again, and nothing is known of what it used.
    4. ``PluginFailed`` is published for each failure, then ``PluginUnloaded``.

    Where another plugin has taken its place, that was told and recorded by the swap: then 1 is silent, and where both
    have one id, 3 and ``PluginUnloaded`` are left out.

    An interrupt that comes between two steps is kept as a failure, and the rest runs: half of a departure would leave
    a plugin that is neither here nor gone.

    Args:
        loaded: The plugin.
        bus: Of the kernel.
        transitions: Of the kernel.
        is_replaced: Another one has taken its place.
        is_same_id: That one has the same id.
    """

    __slots__ = (
        "_bus",
        "_down",
        "_is_replaced",
        "_is_silent",
        "_loaded",
        "_metadata",
        "_news",
        "_taken",
        "_transitions",
    )

    def __init__(
        self,
        loaded: LoadedPlugin,
        bus: EventBus,
        transitions: Transitions,
        *,
        is_replaced: bool = False,
        is_same_id: bool = False,
    ) -> None:
        self._loaded = loaded
        self._metadata = loaded.context.metadata
        self._bus = bus
        self._transitions = transitions
        self._down = TakeDown(loaded)
        self._news = News(bus)
        self._is_replaced = is_replaced
        self._is_silent = is_same_id
        self._taken = 2 if is_replaced else 0  # how many steps

    @property
    def failures(self) -> tuple[StepFailure, ...]:
        """Return everything that went wrong so far."""
        return (*self._down.failures, *self._news.failures)

    def run(self) -> None:
        """Take all steps. Called again, it does what was left undone."""
        while self._taken < len(_STEPS):
            try:
                while self._taken < len(_STEPS):
                    _STEPS[self._taken](self)
                    self._taken += 1
            except Exception:
                raise
            except BaseException as error:  # noqa: BLE001 - an interrupt; raised by the kernel when the change is done
                self._news.failures.append(StepFailure(self._metadata.id, "unload", error))

    def _withdraw(self) -> None:
        self._down.withdraw()
        self._news.add_offers(self._loaded.context)

    def _take_down(self) -> None:
        self._down.run()

    def _forget(self) -> None:
        if self._is_silent:
            return
        if self._is_replaced:
            self._transitions.vacate(self._loaded)
            return
        plugin_id = self._metadata.id
        with self._transitions.lock:
            if self._transitions.loaded.get(plugin_id) is self._loaded:
                self._transitions.uses.unbind(plugin_id)
                self._transitions.settle(plugin_id, {"state": PluginState.REGISTERED, "source": None, "plugin": None})
                del self._transitions.loaded[plugin_id]

    def _write_news(self) -> None:
        failures = self._down.failures
        # Who hears of a failure may begin to listen for the end.
        is_heard = not self._is_silent and (failures or self._bus.hears(PluginUnloaded))
        if failures or is_heard:
            events: list[KernelEvent] = [*failed_events(self._metadata, failures)]
            if is_heard:
                events.append(PluginUnloaded(self._metadata.id, self._metadata.version))
            self._news.write(events)

    def _tell(self) -> None:
        self._news.tell()


_STEPS: Final = (
    Departure._withdraw,
    Departure._tell,
    Departure._take_down,
    Departure._forget,
    Departure._write_news,
    Departure._tell,
)


def failed_events(metadata: PluginMetadata, failures: Iterable[StepFailure]) -> list[PluginFailed]:
    """Return what tells of failures of a plugin."""
    return [PluginFailed(metadata.id, one.step, one.error, metadata.version) for one in failures]


def raise_interrupt(failures: Iterable[StepFailure]) -> None:
    """Raise the first that is no ordinary error: a Ctrl-C is not to be lost among failures."""
    for failure in failures:
        if not isinstance(failure.error, Exception):
            raise failure.error


class News:
    """What is told on the way of a change that has to run to its end: what comes back from those who hear it is kept.

    Attributes:
        failures: What came back in place of being raised.

    Args:
        bus: Of the kernel.
        events: What is to be told first.
        failures: What came back earlier; more is added.
    """

    __slots__ = ("_bus", "_pending", "failures")

    def __init__(
        self, bus: EventBus, events: Iterable[KernelEvent] = (), failures: list[StepFailure] | None = None
    ) -> None:
        self._bus = bus
        self._pending: list[KernelEvent | PluginContext] = [*events]
        self.failures = [] if failures is None else failures

    def write(self, events: list[KernelEvent]) -> None:
        """Put events in the place of what is to be told."""
        self._pending = [*events]

    def add(self, *events: KernelEvent) -> None:
        """Add events to what is to be told."""
        self._pending += events

    def add_offers(self, context: PluginContext) -> None:
        """Add what a plugin provides, or does no longer, to what is to be told."""
        self._pending += (context,)

    def tell(self) -> None:
        """Tell all of it, each once, also when this is called again after an interrupt."""
        while self._pending:
            one = self._pending[0]
            del self._pending[0]
            try:
                if isinstance(one, PluginContext):
                    one.announce()
                else:
                    self._bus.publish_kernel_event(one)
            except BaseException as error:  # noqa: BLE001 - an interrupted subscriber; raised when the change is done
                self.failures.append(StepFailure(getattr(one, "plugin_id", ""), "publish", error))
