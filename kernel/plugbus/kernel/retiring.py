"""The end of a plugin whose place was taken: its uses come to their end, then it is unloaded, once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .departing import raise_interrupt
from .leases import drain

if TYPE_CHECKING:
    from .departing import Departure
    from .lifecycle import LoadedPlugin, StepFailure
    from .providers import Provision
    from .transitions import Transitions


class Retirement:
    """Wait for the uses of a replaced plugin, and unload it.

    1. It takes no new uses; ``wait`` until the present ones are over, or the time is.
    2. ``finish`` is called by whoever comes first: the thread that waited; when it was late, the thread that ends the
       last use; or a shutdown, which waits for no uses. It does something the first time alone.

    Attributes:
        old: The plugin.
        is_late: The time was over before the uses; whoever ends the last one unloads the plugin.
        is_drained: All uses were over before it was unloaded.

    Args:
        old: The plugin.
        provided: What it had provided.
        departure: The way out of it.
        transitions: Of the kernel.
        is_same_id: What has taken its place has the same id.
    """

    def __init__(
        self,
        old: LoadedPlugin,
        provided: tuple[Provision, ...],
        departure: Departure,
        transitions: Transitions,
        *,
        is_same_id: bool,
    ) -> None:
        self.old = old
        self.is_late = False
        self.is_drained = False
        self._leases = tuple(one.leases for one in provided)
        self._departure = departure
        self._transitions = transitions
        self._plugin_id = old.context.plugin_id
        self._is_same_id = is_same_id
        self._over = threading.Event()
        self._is_begun = False
        self._holds_claim = True

    @property
    def failures(self) -> tuple[StepFailure, ...]:
        """Return what went wrong when it was unloaded."""
        return self._departure.failures

    def wait(self, drain_s: float) -> None:
        """Wait until the uses are over, or leave the end of the plugin to whoever ends the last one."""
        with self._transitions.lock:
            if not self._is_begun:
                self._transitions.drain(self, self._plugin_id)
        if drain(self._leases, drain_s, self._finish_late, self._over):
            self.is_drained = not self._is_begun
        else:
            self._leave()

    def finish(self) -> None:
        """Unload the plugin, if nobody else has begun to."""
        is_mine = False
        try:
            with self._transitions.lock:
                is_mine = not self._is_begun
                self._is_begun = True
            if is_mine:
                self._unload()
        except BaseException:
            if is_mine:
                self._unload()  # an interrupt came between two steps: the rest
            raise

    def _leave(self) -> None:
        """Let others have the id again where it is the successor's too; where not, let nobody wait for the old one."""
        with self._transitions.lock:
            self.is_late = True
            if self._is_same_id:
                self._transitions.drain(self, "")
            self._release()

    def _finish_late(self) -> None:
        self.finish()
        raise_interrupt(self.failures)

    def _unload(self) -> None:
        self._transitions.drained(self)
        with self._transitions.changing():
            self._departure.run()
        self._release()
        self._over.set()

    def _release(self) -> None:
        """Give the claim on the id back, once: later it may be another swap's."""
        with self._transitions.lock:
            if self._holds_claim:
                self._transitions.release((self._plugin_id,))
                self._holds_claim = False
