"""Who is moving: claims on plugins, so that each is changed by one thread at a time and no lock is held meanwhile."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .errors import KernelClosedError, PluginStateError
from .registry import PluginState
from .uses import Uses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .lifecycle import LoadedPlugin
    from .metadata import PluginMetadata
    from .registry import PluginRegistry
    from .retiring import Retirement

MOVING = (PluginState.LOADING, PluginState.UNLOADING)


class Transitions:
    """Keep what is loaded, and who is changing it.

    A plugin in a moving state belongs to the thread that moved it; others wait until it has settled. A thread that is
    inside a hook or a subscriber of a change may not wait, as it could wait for itself: it is refused.

    Attributes:
        lock: Guards every decision; never held while plugin or subscriber code runs.
        loaded: What is up, in the order of loading.
        uses: What it was resolved with; asked and changed with the lock held.
        is_closed: Nothing may be loaded any more.
    """

    def __init__(self, registry: PluginRegistry) -> None:
        self._registry = registry
        self.lock = threading.RLock()
        self._settled = threading.Condition(self.lock)
        self._waiting = 0  # threads; there are none in most changes, and to notify none takes as long as the change
        self._changing: dict[int, int] = {}
        self.loaded: dict[str, LoadedPlugin] = {}
        self.uses = Uses(registry)
        self.is_closed = False
        self._claimed: set[str] = set()
        # What another plugin has replaced, while uses of it are waited for.
        self._draining: dict[Retirement, str] = {}

    def refuse_when_closed(self, verb: str) -> None:
        """Raise ``KernelClosedError`` after a shutdown; with the lock held where the answer must stay true."""
        if self.is_closed:
            raise KernelClosedError(verb)

    @property
    def is_inside(self) -> bool:
        """Tell whether this thread is inside a change: in a hook, or in a subscriber of the change's events."""
        return threading.get_ident() in self._changing

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Mark this thread as being inside a change."""
        thread = threading.get_ident()
        is_marked = False
        try:
            with self.lock:
                # An interrupt may come when the lock was released; then the mark is there and is to be taken off.
                self._changing[thread] = self._changing.get(thread, 0) + 1
                is_marked = True
            yield
        finally:
            if is_marked:
                with self.lock:
                    staying = self._changing[thread] - 1
                    if staying:
                        self._changing[thread] = staying
                    else:
                        del self._changing[thread]

    def wait_for(self, plugin_ids: Iterable[str], verb: str, *, with_uses: bool = True) -> bool:
        """Wait, with the lock held, until none of the plugins is moving; tell whether that took any waiting.

        Args:
            plugin_ids: The plugins.
            verb: What is to be done with them, for the error.
            with_uses: Wait also for the uses of what another plugin has replaced.

        Raises:
            PluginStateError: This thread is inside a change, and could wait for itself; or uses of a plugin were not
                over in time, and nobody can tell when they will be.
        """
        has_waited = False
        find, claimed = self._registry.find, self._claimed
        for plugin_id in plugin_ids:
            record = find(plugin_id)
            if (record is None or record.state not in MOVING) and plugin_id not in claimed:
                continue  # most do not move
            while (state := self._moving_state(plugin_id)) is not None:
                replaced = self._draining_of(plugin_id)
                if replaced and not with_uses:
                    break
                if any(one.is_late for one in replaced):
                    remedy = "its place is taken, and uses of it are not over; call again when they are"
                    raise PluginStateError(verb, plugin_id, state, remedy)
                if self.is_inside:
                    remedy = "a hook or a subscriber may not wait for that; call again when it is done"
                    raise PluginStateError(verb, plugin_id, state, remedy)
                self._waiting += 1
                try:
                    self._settled.wait()
                finally:
                    self._waiting -= 1
                has_waited = True
        return has_waited

    def drain(self, one: Retirement, plugin_id: str) -> None:
        """Remember a plugin that another one has replaced, until it is ``vacated``."""
        with self.lock:
            self._draining[one] = plugin_id
            self._settled.notify_all()

    def drained(self, one: Retirement) -> None:
        """Forget a plugin that was draining: somebody unloads it now."""
        with self.lock:
            self._draining.pop(one, None)

    @property
    def draining(self) -> tuple[Retirement, ...]:
        """Return what waits for its uses to be over."""
        with self.lock:
            return tuple(self._draining)

    def vacate(self, old: LoadedPlugin) -> None:
        """Let a plugin be registered again whose place another one, of another id, has taken."""
        plugin_id = old.context.plugin_id
        with self.lock:
            if self._registry.record(plugin_id).plugin is old.plugin:
                self.settle(plugin_id, {"state": PluginState.REGISTERED, "source": None, "plugin": None})

    def _draining_of(self, plugin_id: str) -> list[Retirement]:
        return [one for one, replaced in self._draining.items() if replaced == plugin_id]

    def _moving_state(self, plugin_id: str) -> str | None:
        if plugin_id in self._claimed:
            return "being swapped"
        record = self._registry.find(plugin_id)
        return str(record.state) if record is not None and record.state in MOVING else None

    def claim(self, plugin_ids: Iterable[str]) -> None:
        """Keep others from changing plugins that stay as they are for now; with the lock held."""
        self._claimed.update(plugin_ids)

    def release(self, plugin_ids: Iterable[str]) -> None:
        """Let others change plugins again, and wake those who wait for that."""
        with self.lock:
            self._claimed.difference_update(plugin_ids)
            self._settled.notify_all()

    def settle(self, plugin_id: str, facts: dict[str, object]) -> None:
        """Give a moving plugin its next state, and wake those who wait for it; with the lock held."""
        self._registry.change_to(plugin_id, facts)
        self.wake()

    def wake(self) -> None:
        """Wake those who wait for plugins to settle; with the lock held."""
        if self._waiting:
            self._settled.notify_all()

    def dependents(self, plugin_id: str) -> tuple[str, ...]:
        """Return what could not stay without a plugin, each before what it needs; the plugin itself is not in it.

        See ``Uses.bereft`` for what can stay.
        """
        gone = {plugin_id: None}
        pending = [plugin_id]
        while pending:
            # A plugin that stays thanks to another provider is asked again when that one is found to go.
            bereft = self.uses.bereft(pending.pop(), gone)
            gone.update(dict.fromkeys(bereft))
            pending += bereft
        del gone[plugin_id]
        if len(gone) < 2:
            return tuple(gone)
        places = {one: place for place, one in enumerate(self.loaded)}
        # What is still on its way up was not loaded yet, so it comes after everything that is.
        return tuple(sorted(gone, key=lambda one: places.get(one, len(places)), reverse=True))

    def replace(self, old_id: str, new: LoadedPlugin, metadata: PluginMetadata, uses: Mapping[str, str]) -> None:
        """Put a plugin in the place of another one, in the order of loading too; with the lock held.

        Called again, it carries an interrupted call through.
        """
        self.uses.replace(old_id, metadata, uses)
        if self.loaded.get(metadata.id) is not new:
            self._put_in_place(old_id, new, metadata.id, uses)

    def _put_in_place(self, old_id: str, new: LoadedPlugin, new_id: str, uses: Mapping[str, str]) -> None:
        # What the new one uses comes before it, also what was loaded after the old one: shutdown goes the other way.
        needed = dict.fromkeys(uses.values())
        pending = list(needed)
        while pending:
            further = [one for one in self.uses.of(pending.pop()).values() if one not in needed]
            needed.update(dict.fromkeys(further))
            pending += further
        order = list(self.loaded)
        place = order.index(old_id)
        earlier = [one for one in order[place + 1 :] if one in needed]
        later = [one for one in order[place + 1 :] if one not in needed]
        loaded = {one: self.loaded[one] for one in (*order[:place], *earlier)}
        loaded[new_id] = new
        loaded.update((one, self.loaded[one]) for one in later)
        self.loaded = loaded
