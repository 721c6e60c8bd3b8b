"""Who is moving: claims on plugins, so that each is changed by one thread at a time and no lock is held meanwhile."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .errors import PluginStateError
from .registry import PluginState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .lifecycle import LoadedPlugin
    from .registry import PluginRegistry

MOVING = (PluginState.LOADING, PluginState.UNLOADING)


class Transitions:
    """Keep what is loaded, what it uses, and who is changing it.

    A plugin in a moving state belongs to the thread that moved it; others wait until it has settled. A thread that is
    inside a hook or a subscriber of a change may not wait, as it could wait for itself: it is refused.

    Attributes:
        lock: Guards every decision; never held while plugin or subscriber code runs.
        loaded: What is up, in the order of loading.
    """

    def __init__(self, registry: PluginRegistry) -> None:
        self._registry = registry
        self.lock = threading.RLock()
        self._settled = threading.Condition(self.lock)
        self._changing: dict[int, int] = {}
        self.loaded: dict[str, LoadedPlugin] = {}
        self._uses: dict[str, Mapping[str, str]] = {}
        # The reverse: id of what is used to its users, each with the targets that it meets for them.
        self._users: dict[str, dict[str, list[str]]] = {}

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Mark this thread as being inside a change."""
        thread = threading.get_ident()
        with self.lock:
            self._changing[thread] = self._changing.get(thread, 0) + 1
        try:
            yield
        finally:
            with self.lock:
                self._changing[thread] -= 1
                if not self._changing[thread]:
                    del self._changing[thread]

    def wait_for(self, plugin_ids: Iterable[str], verb: str) -> bool:
        """Wait, with the lock held, until none of the plugins is moving; tell whether that took any waiting.

        Raises:
            PluginStateError: This thread is inside a change, and could wait for itself.
        """
        has_waited = False
        for plugin_id in plugin_ids:
            while plugin_id in self._registry and (state := self._registry.record(plugin_id).state) in MOVING:
                if threading.get_ident() in self._changing:
                    remedy = "a hook or a subscriber may not wait for that; call again when it is done"
                    raise PluginStateError(verb, plugin_id, str(state), remedy)
                self._settled.wait()
                has_waited = True
        return has_waited

    def settle(self, plugin_id: str, state: PluginState, **facts: object) -> None:
        """Give a moving plugin its next state, and wake those who wait for it."""
        with self.lock:
            self._registry.change(plugin_id, state=state, **facts)
            self._settled.notify_all()

    def bind(self, plugin_id: str, uses: Mapping[str, str]) -> None:
        """Remember what a plugin was resolved with: requirement's target to the id that meets it."""
        self._uses[plugin_id] = uses
        for target, used in uses.items():
            self._users.setdefault(used, {}).setdefault(plugin_id, []).append(target)

    def unbind(self, plugin_id: str) -> None:
        """Forget what a plugin uses."""
        for used in self._uses.pop(plugin_id, {}).values():
            users = self._users.get(used, {})
            users.pop(plugin_id, None)
            if not users:
                self._users.pop(used, None)

    def uses(self, plugin_id: str) -> Mapping[str, str]:
        """Return what a plugin was resolved with, empty when it is not loaded."""
        return self._uses.get(plugin_id, {})

    def dependents(self, plugin_id: str) -> tuple[str, ...]:
        """Return what could not stay without a plugin, each before what it needs; the plugin itself is not in it.

        A plugin that needs a capability stays when another loaded plugin offers it too.
        """
        leaving: dict[str, None] = {}
        pending = [plugin_id]
        while pending:
            used = pending.pop()
            for user, targets in self._users.get(used, {}).items():
                is_bound = any(target == used or self._is_sole(target, used) for target in targets)
                if is_bound and user not in leaving and user != plugin_id:
                    leaving[user] = None
                    pending.append(user)
        if len(leaving) < 2:
            return tuple(leaving)
        places = {one: place for place, one in enumerate(self.loaded)}
        # What is still on its way up was not loaded yet, so it comes after everything that is.
        return tuple(sorted(leaving, key=lambda one: places.get(one, len(places)), reverse=True))

    def _is_sole(self, capability: str, plugin_id: str) -> bool:
        """Tell whether no other loaded plugin offers a capability."""
        others = self._registry.find_by_capability(capability)
        return not any(one.id != plugin_id and one.state is PluginState.ACTIVE for one in others)
