"""Unloading sets of plugins: claim them, take them down one after the other, to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .departing import Departure, raise_interrupt
from .errors import PluginUnloadError
from .lifecycle import StepFailure
from .registry import PluginState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .bus import EventBus
    from .claims import Claims
    from .lifecycle import LoadedPlugin
    from .registry import PluginRegistry
    from .transitions import Transitions


class Unloading:
    """Take plugins down.

    Args:
        bus: Of the kernel.
        registry: Of the kernel.
        transitions: Of the kernel.
        claims: Of the kernel.
    """

    def __init__(self, bus: EventBus, registry: PluginRegistry, transitions: Transitions, claims: Claims) -> None:
        self._bus = bus
        self._registry = registry
        self._transitions = transitions
        self._claims = claims

    def unload(
        self,
        select: Callable[[], tuple[str, ...]],
        earlier: Callable[[], Iterable[StepFailure]] = tuple,
        on_claimed: Callable[[tuple[str, ...]], object] = id,
    ) -> tuple[str, ...]:
        """Take plugins down, one after the other, whatever fails; return their ids.

        Args:
            select: Called with the lock held: says which active ones go, in order. From then on all of them go, also
                if an interrupt comes; or none, where it comes before the first one has begun to.
            earlier: Called when all are down: what else went wrong, to be raised with the rest.
            on_claimed: Called with the ids, without the lock, before the first one begins to go; if it raises, they go
                all the same.

        Raises:
            PluginUnloadError: Holds everything that failed.
        """
        failures: list[StepFailure] = []
        claimed: list[str] = []
        try:
            with self._transitions.lock:
                leaving = select()
                self._claims.claim_for_unloading(leaving)
                claimed += leaving
            try:
                on_claimed(leaving)
            finally:
                self._take_down(claimed, failures)
        except BaseException:
            self._claims.keep(claimed)
            raise
        failures = [*earlier(), *failures]
        raise_interrupt(failures)
        errors = [failure.error for failure in failures if isinstance(failure.error, Exception)]
        if errors:
            where = ", ".join(f"'{one.plugin_id}' in {one.step}" for one in failures)
            raise PluginUnloadError(f"cannot unload plugins without failures: {where}; they are unloaded", errors)
        return leaving

    def give_back(self, loaded: Sequence[LoadedPlugin]) -> list[StepFailure]:
        """Unload what a failed load had brought up; what fails on that way is reported and returned, not raised.

        What other threads or hooks have taken down meanwhile is left alone, and so is what they have come to need.
        Where an interrupt leaves this call, nothing has begun to go, and it is to be called again.
        """
        leaving: dict[str, None] = {}
        claimed: list[str] = []
        failures: list[StepFailure] = []
        try:
            with self._transitions.lock:
                for one in reversed(loaded):
                    plugin_id = one.context.plugin_id
                    is_here = self._transitions.loaded.get(plugin_id) is one
                    if is_here and self._registry.record(plugin_id).state is PluginState.ACTIVE:
                        leaving[plugin_id] = None
                        if self._transitions.uses.bereft(plugin_id, leaving):
                            del leaving[plugin_id]
                self._claims.claim_for_unloading(tuple(leaving))
                claimed += leaving
            self._take_down(claimed, failures)
        except BaseException:
            self._claims.keep(claimed)
            raise
        return failures

    def _take_down(self, claimed: list[str], failures: list[StepFailure]) -> None:
        """Let claimed plugins go, all of them; ``claimed`` is emptied when that begins."""
        pending = [Departure(self._transitions.loaded[one], self._bus, self._transitions) for one in reversed(claimed)]
        del claimed[:]
        while pending:
            try:
                with self._transitions.changing():
                    while pending:
                        departure = pending[-1]
                        departure.run()
                        # What has gone is dropped at once: its memory is at hand for the next one.
                        failures += departure.failures
                        del pending[-1]  # between the two lines no interrupt can come
            except Exception:
                raise
            except BaseException as error:  # noqa: BLE001 - an interrupt; raised when everything is down
                failures.append(StepFailure("", "unload", error))
