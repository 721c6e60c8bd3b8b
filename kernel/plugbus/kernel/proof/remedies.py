"""What to do about each kind of leftover."""

from __future__ import annotations

from .report import LeftoverKind

_REMEDIES = {
    LeftoverKind.PLUGIN: "let go of the plugin where it is held",
    LeftoverKind.CONTEXT: "drop the context in on_unload",
    LeftoverKind.PROVIDED: "whoever keeps it has to let go on PluginUnloaded, or ask for it at each use",
    LeftoverKind.OBJECT: "take it back with ctx.on_unload(...) where it was handed out",
    LeftoverKind.CLASS: "take it back with ctx.on_unload(...) where it was handed out",
    LeftoverKind.FUNCTION: "take it back with ctx.on_unload(...) where it was handed out",
    LeftoverKind.MODULE: "let go of the module, and import relatively",
    LeftoverKind.THREAD: "tell the thread to stop in on_unload, and join it",
    LeftoverKind.TASK: "cancel the task in on_unload",
    LeftoverKind.PROCESS: "end the process in on_unload, and wait for it",
    LeftoverKind.FILE: "close it: ctx.on_unload(file.close)",
    LeftoverKind.SOCKET: "close it: ctx.on_unload(socket.close)",
    LeftoverKind.EXIT_HANDLER: "call atexit.unregister in on_unload",
    LeftoverKind.SIGNAL_HANDLER: "set the former handler again with signal.signal in on_unload",
    LeftoverKind.FINALIZER: "call its detach() in on_unload",
    LeftoverKind.HOOK: "put the former hook back in on_unload",
    LeftoverKind.IMPORT_HOOK: "remove it in on_unload, and call sys.path_importer_cache.clear()",
    LeftoverKind.LOGGING: "remove the handler or filter from its logger in on_unload",
    LeftoverKind.WARNING_FILTER: "remove it in on_unload, or use warnings.catch_warnings",
    LeftoverKind.PATH: "import relatively, or remove it in on_unload",
}


def remedy_of(kind: LeftoverKind) -> str:
    """Return what an author can do about a leftover."""
    return _REMEDIES[kind]
