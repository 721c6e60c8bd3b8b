"""How other projects bring up the same number of plugins, each with one hook or service, and take them down."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .contest import Peer, opened
from .pelix import pelix_framework
from .timing import Steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .fleets import Fleet

GROUP = "benchmarks.loading"


@dataclass(slots=True)
class Bringing:
    """What a peer loads into, what it loads, and what it has to keep in order to unload it."""

    manager: Any
    plugins: list[Any]
    loaded: list[Any] = field(default_factory=list)


class Extension:
    """What stevedore makes one of for every entry point."""


def activate(context: object) -> None:
    """Do nothing when npe2 activates a plugin."""


def pluggy_steps(fleet: Fleet) -> Steps[Bringing]:
    """Register and unregister plugins of one class, each with one implementation of the same hook."""
    pluggy = import_module("pluggy")
    spec, hook = pluggy.HookspecMarker("bench"), pluggy.HookimplMarker("bench")

    class Specification:
        @spec  # type: ignore[untyped-decorator]  # pluggy is imported dynamically
        def measured(self, event: object) -> None: ...

    class Implementation:
        @hook  # type: ignore[untyped-decorator]  # pluggy is imported dynamically
        def measured(self, event: object) -> None: ...

    def prepare() -> Bringing:
        manager = pluggy.PluginManager("bench")
        manager.add_hookspecs(Specification)
        return Bringing(manager, [Implementation() for _ in fleet.ids])

    def load(state: Bringing) -> None:
        for plugin in state.plugins:
            state.manager.register(plugin)

    def unload(state: Bringing) -> None:
        for plugin in reversed(state.plugins):
            state.manager.unregister(plugin)

    return Steps(prepare, {"load": load, "unload": unload})


@contextmanager
def ipopo_steps(fleet: Fleet) -> Iterator[Steps[Bringing]]:
    """Install and start bundles that register one service each; stop and uninstall them. No module is read."""
    with pelix_framework() as context:
        constants = import_module("pelix.constants")

        class Activator:
            def __init__(self, name: str) -> None:
                self._name = name
                self._registration: Any = None

            def start(self, context: Any) -> None:
                self._registration = context.register_service(f"service.{self._name}", self, {})

            def stop(self, context: Any) -> None:
                self._registration.unregister()

        def prepare() -> Bringing:
            modules = [ModuleType(f"benchmarks_bundle_{name}") for name in fleet.ids]
            for module in modules:
                setattr(module, constants.ACTIVATOR, Activator(module.__name__))
            return Bringing(context, modules)

        def load(state: Bringing) -> None:
            for module in state.plugins:
                sys.modules[module.__name__] = module  # uninstall takes it out again
                bundle = state.manager.install_bundle(module.__name__)
                bundle.start()
                state.loaded.append(bundle)

        def unload(state: Bringing) -> None:
            while state.loaded:
                state.loaded.pop().uninstall()

        # Alone: the framework is one for the process, and would find the bundles installed already.
        yield Steps(prepare, {"load": load, "unload": unload}, is_alone=True)


def npe2_steps(fleet: Fleet) -> Steps[Bringing]:
    """Register and activate parsed manifests with one command each; unregister, which deactivates them."""
    npe2 = import_module("npe2")
    hook = f"{__name__}:{activate.__name__}"
    manifests = [
        npe2.PluginManifest(
            name=name,
            on_activate=hook,
            contributions={"commands": [{"id": f"{name}.run", "title": "Run", "python_name": hook}]},
        )
        for name in fleet.ids
    ]

    def load(state: Bringing) -> None:
        for manifest in state.plugins:
            state.manager.register(manifest)
            state.manager.activate(manifest.name)

    def unload(state: Bringing) -> None:
        for manifest in reversed(state.plugins):
            state.manager.unregister(manifest.name)

    return Steps(lambda: Bringing(npe2.PluginManager(), manifests), {"load": load, "unload": unload})


@contextmanager
def stevedore_steps(fleet: Fleet) -> Iterator[Steps[Bringing]]:
    """Load entry points and make an object of each. It has no unload."""
    extension = import_module("stevedore.extension")
    # Filled in beforehand: reading entry points off a disk measures the disk, and needs as many installed packages.
    cache = extension.ExtensionManager.ENTRY_POINT_CACHE
    value = f"{__name__}:{Extension.__name__}"
    cache[GROUP] = [EntryPoint(name, value, GROUP) for name in fleet.ids]

    def load(state: Bringing) -> None:
        state.manager = extension.ExtensionManager(GROUP, invoke_on_load=True)

    try:
        yield Steps(lambda: Bringing(None, []), {"load": load})
    finally:
        del cache[GROUP]


PEERS: tuple[Peer[Fleet], ...] = (
    Peer("pluggy register", opened(pluggy_steps)),
    Peer("iPOPO bundles", ipopo_steps),
    Peer("npe2 manifests", opened(npe2_steps)),
    Peer("stevedore entry points, read before", stevedore_steps),
)
