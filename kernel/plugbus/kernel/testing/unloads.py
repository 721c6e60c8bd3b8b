"""A check that a plugin comes and goes without a trace."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..kernel import Kernel
from ..proof import Leftover, LeftoverKind, UnloadProof
from .leaks import assert_unloaded
from .snapshot import added, process_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from ..metadata import PluginMetadata
    from ..plugin import Plugin, PluginSource
    from .snapshot import Facts

_KINDS = {
    "thread": LeftoverKind.THREAD,
    "entry of sys.path": LeftoverKind.PATH,
    "entry of sys.meta_path": LeftoverKind.IMPORT_HOOK,
    "entry of sys.path_hooks": LeftoverKind.IMPORT_HOOK,
    "task": LeftoverKind.TASK,
    "file descriptor": LeftoverKind.FILE,
}


class UnloadCheck:
    """Load a plugin into a kernel of its own, and prove its unload.

    1. ``load``, or the begin of a ``with`` block: the others are loaded, the process is looked at, the plugin is
       loaded.
    2. Use it through ``kernel``.
    3. ``unload``, or the end of the block: the plugin must be gone, and the process as before. Beside what the proof of
       the kernel finds, that is: no further threads, tasks, open files, and entries of the import system.

    Attributes:
        kernel: The kernel, with the plugin in it between load and unload.
        plugin_id: The plugin's id.

    Args:
        plugin: The plugin, or a source of it. It is not kept.
        config: The plugin's configuration.
        with_: Other plugins that it needs; they are loaded before it, and stay.
        allow: What may be left over: parts of the descriptions of leftovers.

    Raises:
        TypeError: ``plugin`` is a path. Where folders are read, in ``plugbus.loaders``, there is a fixture for them.
    """

    def __init__(
        self,
        plugin: Plugin | PluginSource,
        *,
        config: object = None,
        with_: Iterable[Plugin | PluginSource] = (),
        allow: Iterable[str] = (),
    ) -> None:
        if isinstance(plugin, (str, Path)):
            raise TypeError(
                f"cannot load plugin folder '{plugin}': the kernel reads no folders; use the fixture "
                f"'prove_folder_unload' of plugbus.loaders.testing.fixtures"
            )
        self._config = {} if config is None else config
        self.kernel = Kernel(configure=self._configure)
        self.plugin_id = self.kernel.register(plugin)
        self._others = [self.kernel.register(one) for one in with_]
        self._allow = tuple(allow)
        self._before: Facts | None = None
        self._older: set[str] = set()
        self._is_loaded = False
        self._proof: UnloadProof | None = None

    def load(self) -> UnloadCheck:
        """Load the plugin, unless it was loaded already.

        Raises:
            KernelError: As ``Kernel.load`` does.
        """
        if self._before is None:
            if self._others:
                self.kernel.load(*self._others)
            gc.collect()
            self._before = process_facts()
            self._older = {f"sys.path entry '{entry}'" for entry in sys.path}
            self.kernel.load(self.plugin_id)
            self._is_loaded = True
        return self

    def unload(self) -> UnloadProof:
        """Unload the plugin and what needs it, and return the proof; the second call returns the same.

        Raises:
            AssertionError: Something is left; holds the report.
            PluginUnloadError: Something failed on the way.
        """
        if self._proof is None:
            proof = self.kernel.unload(self.plugin_id, cascade=True, prove=True)
            assert_unloaded(self.kernel, self.plugin_id)
            found = tuple(one for one in proof.leftovers if not self._is_older(one))
            leftovers = (*found, *self._changes(found))
            allowed = tuple(one for one in leftovers if not any(part in one.description for part in self._allow))
            self._proof = UnloadProof(proof.plugin_ids, allowed, proof.survivors)
            self.kernel.shutdown()
        if not self._proof.is_clean:
            raise AssertionError(str(self._proof))
        return self._proof

    def __enter__(self) -> UnloadCheck:
        return self.load()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.unload()
        else:
            self.close()

    def finish(self) -> None:
        """Unload the plugin if it is still there; what was unloaded or closed already has had its say.

        Raises:
            AssertionError: Something is left; holds the report.
        """
        if self._is_loaded and self._proof is None and not self.kernel.is_closed:
            self.unload()

    def close(self) -> None:
        """Shut the kernel down without a proof: something else has failed, and would be in it. Idempotent."""
        self.kernel.shutdown()

    def _configure(self, metadata: PluginMetadata, plugin: Plugin) -> object:
        return self._config if metadata.id == self.plugin_id else {}

    def _is_older(self, leftover: Leftover) -> bool:
        """Tell whether an entry of ``sys.path`` was there before the load, as when tests are run in the folder."""
        return leftover.kind is LeftoverKind.PATH and leftover.description in self._older

    def _changes(self, found: Iterable[Leftover]) -> Iterator[Leftover]:
        """Yield what has come to be in the process and is not found yet."""
        after, before = process_facts(), self._before or {}
        told = "\n".join(one.description for one in found)
        for what, kind in _KINDS.items():
            for text in added(what, before, after):
                known = f"descriptor {text.partition(' ')[0]})" if what == "file descriptor" else text
                if known not in told:
                    remedy = "it came to be between load and unload: take it back in on_unload"
                    yield Leftover(kind, self.plugin_id, f"{what} {text}", (), remedy)
