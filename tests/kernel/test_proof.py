"""The proof of an unload: each kind of leftover is found, with who holds it, and what is clean is found clean."""

from __future__ import annotations

import asyncio
import atexit
import codecs
import contextlib
import gc
import json
import logging
import signal
import sys
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, cast

import pytest

from plugbus.kernel import (
    Capability,
    Kernel,
    Leftover,
    LeftoverKind,
    Plugin,
    PluginContext,
    PluginMetadata,
    PluginState,
    UnloadProof,
)
from plugbus.kernel.testing import FakePlugin, FakeSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STORE: Capability[dict[str, int]] = Capability("store", contract=dict)


PREFIX = """
import sys, weakref
host_app = sys.modules.get("host_app")
from plugbus.kernel import Plugin
class Thing: pass
class Made(Plugin):
    def on_load(self, ctx):
        load(self, ctx)
"""


class ModuleSource:
    """A source of the code of one module.

    Args:
        code: The module's code, with a function ``load(plugin, ctx)``, or with a class ``Made`` of its own.
        plugin_id: The plugin's id, and the name of its module with ``proved_`` before it.
    """

    origin = "a test"

    def __init__(self, code: str, plugin_id: str = "leaky") -> None:
        self._code = PREFIX + dedent(code)
        self.metadata = PluginMetadata(plugin_id, "1.0.0")
        self.name = f"proved_{plugin_id}"
        self.modules: tuple[str, ...] = ()

    def open(self) -> Plugin:
        module = ModuleType(self.name)
        sys.modules[self.name] = module
        self.modules = (self.name,)
        exec(compile(self._code, f"/nowhere/{self.name}.py", "exec"), vars(module))  # noqa: S102 - the code of a test
        made: Plugin = module.Made()
        return made

    def close(self) -> None:
        self.modules = ()
        sys.modules.pop(self.name, None)


def prove(code: str, config: object = None) -> UnloadProof:
    """Load a plugin, unload it, and return the proof."""
    kernel = Kernel(config={"leaky": config})
    kernel.register(ModuleSource(code))
    kernel.load("leaky")
    return kernel.unload("leaky", prove=True)


class Stash:
    """Something of the host's that keeps what it is given."""

    __slots__ = ("kept", "other")


class Kept:
    """What the process has of the things that plugins of these tests change."""

    def __init__(self) -> None:
        self.hooks = [(sys, "excepthook"), (threading, "excepthook"), (warnings, "showwarning")]
        self.values = [getattr(*one) for one in self.hooks]
        self.lists: list[tuple[list[Any], list[Any]]] = [(one, list(one)) for one in self._changed()]
        self.modules = dict(sys.modules)
        self.factory = logging.getLogRecordFactory()
        self.signal = signal.getsignal(signal.SIGUSR1)

    def _changed(self) -> list[list[Any]]:
        return [cast("list[Any]", one) for one in (sys.meta_path, sys.path_hooks, sys.path)]

    def restore(self) -> None:
        for place, value in zip(self.hooks, self.values, strict=True):
            setattr(*place, value)
        for changed, former in self.lists:
            changed[:] = former
        for name in set(sys.modules) - set(self.modules):
            if name.startswith("proved_"):
                del sys.modules[name]
        logging.setLogRecordFactory(self.factory)
        logger = logging.getLogger("host_app")
        logger.handlers.clear()
        logger.filters.clear()
        signal.signal(signal.SIGUSR1, self.signal)
        sys.setprofile(None)
        sys.set_asyncgen_hooks(None, None)
        json.__dict__.pop("leaked", None)
        for one in gc.get_objects():
            if type(one) is FunctionType and str(one.__module__).startswith("proved_"):
                atexit.unregister(one)
                codecs.unregister(one)
            elif isinstance(one, Plugin) and type(one).__module__.startswith("proved_"):
                atexit.unregister(one.on_unload)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Return a module of the host's; whatever a test leaves in the process is taken back."""
    module = ModuleType("host_app")
    monkeypatch.setitem(sys.modules, "host_app", module)
    kept = Kept()
    threads = set(threading.enumerate())
    vars(module).update(stop=threading.Event(), stash=Stash(), kept=[], weak=[])
    yield module
    kept.restore()
    module.stop.set()
    for gate in module.weak:
        if gate() is not None:
            gate().set()
    leaked: Any = vars(module).get("leaked")
    for name, closing in (("pool", "shutdown"), ("file", "close"), ("socket", "close"), ("process", "communicate")):
        if hasattr(leaked, name):
            getattr(getattr(leaked, name), closing)()
    for thread in set(threading.enumerate()) - threads:
        thread.join(30)
    vars(module).clear()


# What each plugin leaves: its code, the kind that is told, and words of the report.
LEAKS: dict[str, tuple[str, LeftoverKind, tuple[str, ...]]] = {
    "object in a global": (
        "def load(plugin, ctx): host_app.leaked = Thing()",
        LeftoverKind.OBJECT,
        ("Thing", "held by global 'leaked' of module host_app", "ctx.on_unload"),
    ),
    "object in a list in a dict": (
        "def load(plugin, ctx): host_app.leaked = {'x': [1, Thing()]}",
        LeftoverKind.OBJECT,
        ("held by item 1 of a list, in value of key 'x' of a dict, in global 'leaked' of module host_app",),
    ),
    "object in a set": (
        "def load(plugin, ctx): host_app.leaked = {Thing()}",
        LeftoverKind.OBJECT,
        ("held by item of a set, in global 'leaked'",),
    ),
    "object as a key": (
        "def load(plugin, ctx): host_app.leaked = {Thing(): 1}",
        LeftoverKind.OBJECT,
        ("held by key of a dict, in global 'leaked'",),
    ),
    "object under an odd key": (
        "def load(plugin, ctx): host_app.leaked = {(1,): Thing()}",
        LeftoverKind.OBJECT,
        ("held by value of key of type tuple of a dict",),
    ),
    "object in a slot": (
        "def load(plugin, ctx): host_app.stash.kept = Thing()",
        LeftoverKind.OBJECT,
        ("held by attribute 'kept' of tests.kernel.test_proof.Stash, in global 'stash' of module host_app",),
    ),
    "object without a dict": (
        """
        class Slim: __slots__ = ("x",)
        def load(plugin, ctx): host_app.kept.append(Slim())
        """,
        LeftoverKind.OBJECT,
        ("Slim", "item 0 of a list, in global 'kept'"),
    ),
    "attribute of an object": (
        """
        def load(plugin, ctx):
            host_app.window = host_app.Window()
            host_app.window.plugin = plugin
        """,
        LeftoverKind.PLUGIN,
        ("Made", "attribute 'plugin' of", "in global 'window' of module host_app"),
    ),
    "attribute of a class": (
        "def load(plugin, ctx): host_app.Window.plugin = plugin",
        LeftoverKind.PLUGIN,
        ("held by attribute 'plugin' of class",),
    ),
    "subclass": (
        "def load(plugin, ctx): host_app.Sub = host_app.derive(Thing)",
        LeftoverKind.CLASS,
        ("Thing", "base of class"),
    ),
    "closure": (
        """
        def load(plugin, ctx):
            host_app.leaked = host_app.close_over(Thing())
        """,
        LeftoverKind.OBJECT,
        ("held by closure of function", "get, in global 'leaked' of module host_app"),
    ),
    "default of a function": (
        """
        def load(plugin, ctx):
            host_app.plain.__defaults__ = (Thing(),)
        """,
        LeftoverKind.OBJECT,
        ("held by default of function", "function, in global 'plain' of module host_app"),
    ),
    "attribute of a function": (
        "def load(plugin, ctx): host_app.plain.extra = Thing()",
        LeftoverKind.OBJECT,
        ("attribute 'extra' of function ",),
    ),
    "bound method": (
        "def load(plugin, ctx): host_app.kept.append(plugin.on_event)",
        LeftoverKind.PLUGIN,
        ("bound method 'on_event', in item 0 of a list",),
    ),
    "partial": (
        """
        import functools
        def load(plugin, ctx): host_app.kept.append(functools.partial(print, Thing()))
        """,
        LeftoverKind.OBJECT,
        ("item 0 of a tuple, in a functools.partial",),
    ),
    "generator": (
        "def load(plugin, ctx): host_app.leaked = host_app.generate(Thing())",
        LeftoverKind.OBJECT,
        ("local variable of generator", "generate (test_proof.py:"),
    ),
    "traceback": (
        """
        def fail(thing): raise ValueError
        def load(plugin, ctx):
            try:
                fail(Thing())
            except ValueError as error:
                host_app.kept.append(error)
        """,
        LeftoverKind.OBJECT,
        ("local variable of fail (proved_leaky.py:", "a traceback, in"),
    ),
    "context": (
        "def load(plugin, ctx): host_app.leaked = ctx",
        LeftoverKind.CONTEXT,
        ("PluginContext", "global 'leaked'", "drop the context"),
    ),
    "provided object": (
        """
        def load(plugin, ctx):
            ctx.register_service("s", thing := Thing())
            host_app.leaked = thing
        """,
        LeftoverKind.PROVIDED,
        ("'s', Thing", "global 'leaked'"),
    ),
    "function": (
        """
        def own(): pass
        def load(plugin, ctx): host_app.json.leaked = own
        """,
        LeftoverKind.FUNCTION,
        ("own of 'leaky'", "global 'leaked' of module json"),
    ),
    "class": (
        "def load(plugin, ctx): host_app.leaked = Thing",
        LeftoverKind.CLASS,
        ("Thing", "global 'leaked'"),
    ),
    "module": (
        """
        import sys
        def load(plugin, ctx): host_app.leaked = sys.modules[__name__]
        """,
        LeftoverKind.MODULE,
        ("proved_leaky", "global 'leaked'"),
    ),
    "globals": (
        "def load(plugin, ctx): host_app.leaked = globals()",
        LeftoverKind.MODULE,
        ("the globals of", "global 'leaked'"),
    ),
    "module under another name": (
        """
        import sys
        def load(plugin, ctx):
            sys.modules["proved_elsewhere"] = sys.modules[__name__]
        """,
        LeftoverKind.MODULE,
        ("sys.modules, key 'proved_elsewhere'",),
    ),
    "module under its name": (
        """
        import sys, types
        def load(plugin, ctx):
            sys.modules["proved_leaky.late"] = types.ModuleType("proved_leaky.late")
        """,
        LeftoverKind.MODULE,
        ("sys.modules entry 'proved_leaky.late'", "'close'"),
    ),
    "exit handler": (
        """
        import atexit
        def bye(): pass
        def load(plugin, ctx):
            atexit.register(bye)
        """,
        LeftoverKind.EXIT_HANDLER,
        ("exit handler bye", "held by atexit", "atexit.unregister"),
    ),
    "exit handler that is a method": (
        """
        import atexit
        def load(plugin, ctx):
            atexit.register(plugin.on_unload, ctx)
        """,
        LeftoverKind.EXIT_HANDLER,
        ("bound method 'on_unload', in atexit", "item 0 of a tuple, in C code"),
    ),
    "signal handler": (
        """
        import signal
        def load(plugin, ctx):
            former = signal.signal(signal.SIGUSR1, lambda *args: None)
        """,
        LeftoverKind.SIGNAL_HANDLER,
        ("load.<locals>.<lambda>", "handler of SIGUSR1", "signal.signal"),
    ),
    "finalizer": (
        """
        import weakref
        def done(): pass
        def load(plugin, ctx):
            ending = weakref.finalize(host_app.plain, done)
            ending.atexit = False
        """,
        LeftoverKind.FINALIZER,
        ("done", "of class weakref.finalize", "detach()"),
    ),
    "hook": (
        """
        import sys
        def load(plugin, ctx):
            former = sys.excepthook
            sys.excepthook = lambda *args: None
        """,
        LeftoverKind.HOOK,
        ("global 'excepthook' of module sys", "former hook"),
    ),
    "hook of threads": (
        """
        import threading
        def load(plugin, ctx):
            former = threading.excepthook
            threading.excepthook = lambda *args: None
        """,
        LeftoverKind.HOOK,
        ("global 'excepthook' of module threading",),
    ),
    "profile function": (
        """
        import sys
        def load(plugin, ctx):
            sys.setprofile(lambda *args: None)
        """,
        LeftoverKind.HOOK,
        ("held by sys.setprofile",),
    ),
    "hook of asynchronous generators": (
        """
        import sys
        def load(plugin, ctx):
            sys.set_asyncgen_hooks(firstiter=lambda agen: None)
        """,
        LeftoverKind.HOOK,
        ("held by sys.set_asyncgen_hooks",),
    ),
    "finder": (
        """
        import sys
        class Finder:
            def find_spec(self, *args): return None
        def load(plugin, ctx):
            finder = Finder()
            sys.meta_path.append(finder)
        """,
        LeftoverKind.IMPORT_HOOK,
        ("Finder", "of a list, in global 'meta_path' of module sys"),
    ),
    "path hook": (
        """
        import sys
        def refuse(path): raise ImportError
        def load(plugin, ctx):
            sys.path_hooks.append(refuse)
        """,
        LeftoverKind.IMPORT_HOOK,
        ("refuse", "global 'path_hooks' of module sys"),
    ),
    "log handler": (
        """
        import logging
        class Quiet(logging.NullHandler): pass
        def load(plugin, ctx):
            handler = Quiet()
            logging.getLogger("host_app").addHandler(handler)
        """,
        LeftoverKind.LOGGING,
        ("Quiet", "in logger 'host_app'", "from its logger"),
    ),
    "log filter": (
        """
        import logging
        def load(plugin, ctx):
            refuse = lambda record: False
            logging.getLogger("host_app").addFilter(refuse)
        """,
        LeftoverKind.LOGGING,
        ("<lambda>", "in logger 'host_app'"),
    ),
    "log record factory": (
        """
        import logging
        def load(plugin, ctx):
            former = logging.getLogRecordFactory()
            logging.setLogRecordFactory(lambda *args, **known: former(*args, **known))
        """,
        LeftoverKind.LOGGING,
        ("global '_logRecordFactory' of module logging",),
    ),
    "warning filter": (
        """
        import warnings
        class OwnWarning(UserWarning): pass
        def load(plugin, ctx): warnings.simplefilter("ignore", OwnWarning)
        """,
        LeftoverKind.WARNING_FILTER,
        ("OwnWarning", "global 'filters' of module warnings"),
    ),
    "warning hook": (
        """
        import warnings
        def load(plugin, ctx):
            former = warnings.showwarning
            warnings.showwarning = lambda *args, **known: None
        """,
        LeftoverKind.HOOK,
        ("global 'showwarning' of module warnings",),
    ),
    "thread": (
        """
        import threading
        def wait(): host_app.stop.wait()
        def load(plugin, ctx): threading.Thread(target=wait, name="worker").start()
        """,
        LeftoverKind.THREAD,
        ("thread 'worker' runs wait (proved_leaky.py:", "join it"),
    ),
    "thread of an own class": (
        """
        import threading
        class Worker(threading.Thread):
            def run(self): host_app.stop.wait()
        def load(plugin, ctx): Worker(name="worker").start()
        """,
        LeftoverKind.THREAD,
        ("thread 'worker' runs Worker.run",),
    ),
    "thread that runs nothing of the plugin but belongs to it": (
        """
        import threading
        def load(plugin, ctx):
            plugin.gate = threading.Event()
            host_app.weak.append(weakref.ref(plugin.gate))
            plugin.thread = threading.Thread(target=plugin.gate.wait, name="worker")
            plugin.thread.start()
        """,
        LeftoverKind.THREAD,
        ("thread 'worker' of 'leaky'",),
    ),
    "thread that is kept nowhere and belongs to the plugin": (
        """
        import threading
        def load(plugin, ctx):
            plugin.gate = threading.Event()
            host_app.weak.append(weakref.ref(plugin.gate))
            threading.Thread(target=plugin.gate.wait, name="worker").start()
        """,
        LeftoverKind.THREAD,
        ("thread 'worker' of 'leaky'",),
    ),
    "pool": (
        """
        from concurrent.futures import ThreadPoolExecutor
        def load(plugin, ctx):
            plugin.pool = ThreadPoolExecutor(1, thread_name_prefix="worker")
            plugin.pool.submit(host_app.plain).result()
            host_app.leaked = plugin
        """,
        LeftoverKind.THREAD,
        ("thread 'worker_0' of 'leaky'",),
    ),
    "process": (
        """
        import subprocess, sys
        def load(plugin, ctx):
            plugin.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
            host_app.leaked = plugin
        """,
        LeftoverKind.PROCESS,
        ("process Popen", "end the process"),
    ),
    "file": (
        """
        def load(plugin, ctx):
            plugin.file = open(host_app.path, "w")
            host_app.leaked = plugin
        """,
        LeftoverKind.FILE,
        ("TextIOWrapper '", "opened.txt' (descriptor ", "ctx.on_unload(file.close)"),
    ),
    "socket": (
        """
        import socket
        def load(plugin, ctx):
            plugin.socket = socket.socket()
            host_app.leaked = plugin
        """,
        LeftoverKind.SOCKET,
        ("socket (descriptor ", "ctx.on_unload(socket.close)"),
    ),
    "codec": (
        """
        import codecs
        def search(name): return None
        def load(plugin, ctx):
            codecs.register(search)
        """,
        LeftoverKind.FUNCTION,
        (
            "search",
            "held by item ",
            "of a list, in C code (an argument of atexit.register?), or a call that is under way",
        ),
    ),
}


# What keeps the plugin itself, so that what it has is not closed with it; what a traceback holds besides.
MORE = {
    "exit handler that is a method": 2,
    "module under its name": 2,
    "traceback": 6,
    "pool": 2,
    "process": 3,
    "file": 2,
    "socket": 2,
}


class Window:
    """A class of the host's."""

    plugin: object = None


def plain(value: object = None) -> None:
    """Do nothing for the host."""


@pytest.fixture
def app(host: Any, tmp_path: Any) -> Any:
    """Return the host's module with all that the leaks use."""

    def close_over(value: object) -> Callable[[], object]:
        def get() -> object:
            return value

        return get

    def generate(value: object) -> Iterator[object]:
        yield value
        yield value

    def started(value: object) -> Iterator[object]:
        made = generate(value)
        next(made)
        return made

    def function(value: object = None) -> None:
        plain(value)

    class OwnWindow(Window):
        pass

    vars(host).update(
        json=json,
        Window=OwnWindow,
        derive=lambda base: type("Sub", (base,), {"__module__": "host_app"}),
        close_over=close_over,
        generate=started,
        plain=function,
        path=str(tmp_path / "opened.txt"),
    )
    return host


@pytest.mark.parametrize("leak", LEAKS)
def test_each_kind_of_leftover_is_found_and_named(app: Any, leak: str) -> None:
    code, kind, words = LEAKS[leak]
    with warnings.catch_warnings():
        proof = prove(code)
    assert not proof.is_clean
    found = [one for one in proof.leftovers if one.kind is kind]
    assert found, str(proof)
    assert {one.plugin_id for one in proof.leftovers} == {"leaky"}
    for word in words:
        assert word in str(proof), str(proof)
    assert "C code" in " ".join(words) or "C code" not in str(proof), str(proof)
    assert "not found" not in str(proof)
    expected = MORE.get(leak, 1)
    assert len(proof.leftovers) == expected, str(proof)


CLEAN = {
    "nothing": "def load(plugin, ctx): pass",
    "what its context undoes": """
        def load(plugin, ctx):
            ctx.register_service("s", Thing())
            ctx.subscribe("*", lambda event: None)
            ctx.on_unload(lambda: None)
        """,
    "garbage in circles": """
        def load(plugin, ctx):
            plugin.thing, plugin.ctx = Thing(), ctx
            plugin.thing.plugin = plugin
        """,
    "what it took back": """
        import atexit, threading
        def bye(): pass
        def load(plugin, ctx):
            atexit.register(bye)
            ctx.on_unload(lambda: atexit.unregister(bye))
            stop = threading.Event()
            threading.Thread(target=stop.wait).start()
            ctx.on_unload(stop.set)
        """,
    "what belongs to the host": """
        import json, threading
        def load(plugin, ctx):
            plugin.log = sys.stderr
            plugin.out = host_app.file
            plugin.thread = host_app.thread
            plugin.pool = host_app.pool
            plugin.worker = host_app.worker
            ctx.register_service("dumps", json.dumps)
            ctx.register_service("Thread", threading.Thread)
            ctx.register_service("len", len)
            ctx.register_service("json", json)
            ctx.register_service("three", 3)
            ctx.register_service("names", ("a", 1))
        """,
    "what nothing can refer to weakly": """
        def load(plugin, ctx):
            provided = {"plugin": plugin}
            ctx.register_service("s", provided)
            ctx.register_service("t", [Thing()])
            plugin.provided = provided
        """,
    "what is open in memory alone": """
        import io
        def load(plugin, ctx):
            host_app.text = plugin.text = io.StringIO()
            plugin.closed = open(host_app.path, "w")
            plugin.closed.close()
        """,
    "what can't say whether it is open": """
        import io
        class Odd(io.IOBase):
            @property
            def closed(self): raise OSError
            def fileno(self): raise OSError
        def load(plugin, ctx): plugin.odd = Odd()
        """,
}


@pytest.mark.parametrize("name", CLEAN)
def test_what_leaves_nothing_is_found_clean(app: Any, name: str) -> None:
    class Worker:
        def run(self) -> None:
            app.stop.wait()

    app.worker = Worker()
    threading.Thread(target=app.worker.run).start()
    app.thread = threading.Thread(target=app.stop.wait)
    app.thread.start()
    with open(app.path, "w") as app.file, ThreadPoolExecutor(1) as app.pool:  # noqa: PTH123 - as hosts do
        app.pool.submit(plain).result()
        proof = prove(CLEAN[name])
    assert proof.is_clean, str(proof)
    assert str(proof) == "plugin 'leaky' is unloaded: nothing is left"
    assert proof.survivors == 0
    assert proof.plugin_ids == ("leaky",)


def test_without_a_proof_the_ids_are_returned_as_ever() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a"))
    kernel.load("a")
    assert kernel.unload("a", prove=False) == ("a",)


def test_the_proof_is_plain_data_too(app: Any) -> None:
    proof = prove("def load(plugin, ctx): host_app.leaked = Thing()")
    assert json.loads(json.dumps(proof.as_dict())) == {
        "plugin_ids": ["leaky"],
        "is_clean": False,
        "survivors": proof.survivors,
        "leftovers": [
            {
                "kind": "object",
                "plugin_id": "leaky",
                "description": "Thing",
                "held_by": ["global 'leaked' of module host_app"],
                "remedy": "take it back with ctx.on_unload(...) where it was handed out",
            }
        ],
    }
    assert proof.survivors >= 2


def test_a_report_names_every_plugin_of_a_cascade() -> None:
    leftover = Leftover(LeftoverKind.FILE, "b", "x", ("y", "z"), "close it")
    assert str(UnloadProof(("a", "b"))) == "plugins 'a', 'b' are unloaded: nothing is left"
    assert str(UnloadProof(("a", "b"), (leftover,))) == (
        "plugins 'a', 'b' are unloaded, but 1 left over:\nfile x of 'b'\n  held by y\n  held by z\n  to do: close it"
    )


def test_one_proof_covers_everything_that_a_cascade_unloads(app: Any) -> None:
    class Needing(ModuleSource):
        def __init__(self, code: str) -> None:
            super().__init__(code, "upper")
            self.metadata = PluginMetadata("upper", "1.0.0", dependencies={"leaky": "*"})

    app.kept.append([])
    kernel = Kernel()
    kernel.register(ModuleSource("def load(plugin, ctx): host_app.kept[0].append(Thing())"))
    kernel.register(Needing("def load(plugin, ctx): host_app.kept[0].append(Thing)"))
    kernel.load("upper")
    proof = kernel.unload("leaky", cascade=True, prove=True)
    assert proof.plugin_ids == ("upper", "leaky")
    assert {(one.plugin_id, one.kind) for one in proof.leftovers} == {
        ("leaky", LeftoverKind.OBJECT),
        ("upper", LeftoverKind.CLASS),
    }


def test_the_proof_keeps_nothing_alive_and_can_be_given_again(app: Any) -> None:
    kernel = Kernel()
    kernel.register(ModuleSource("def load(plugin, ctx): host_app.leaked = Thing()"))
    kernel.load("leaky")
    proof = kernel.unload("leaky", prove=True)
    watched = weakref.ref(app.leaked)
    del app.leaked
    gc.collect()
    assert watched() is None
    assert not proof.is_clean
    assert prove("def load(plugin, ctx): pass").is_clean


def test_a_local_variable_is_named_and_is_not_kept_by_the_look_at_it(app: Any) -> None:
    kernel = Kernel()
    kernel.register(ModuleSource("def load(plugin, ctx): ctx.register_service('s', Thing())"))
    kernel.load("leaky")
    service: object = kernel.services.get("s")
    (leftover,) = kernel.unload("leaky", prove=True).leftovers
    assert leftover.kind is LeftoverKind.PROVIDED
    (holder,) = leftover.held_by
    assert holder.startswith("local variable 'service' of test_a_local_variable_is_named")
    assert "(test_proof.py:" in holder
    watched = weakref.ref(service)
    del service
    gc.collect()
    assert watched() is None


def test_a_list_in_a_local_variable_is_named(app: Any) -> None:
    kernel = Kernel()
    kernel.register(ModuleSource("def load(plugin, ctx): ctx.register_service('s', Thing())"))
    kernel.load("leaky")
    kept = [kernel.services.get("s")]
    (leftover,) = kernel.unload("leaky", prove=True).leftovers
    assert leftover.held_by[0].startswith("item 0 of a list, in local variable 'kept' of test_a_list")
    del kept


def test_code_that_looked_at_its_own_variables_keeps_them(app: Any) -> None:
    kernel = Kernel()
    kernel.register(ModuleSource("def load(plugin, ctx): ctx.register_service('s', Thing())"))
    kernel.load("leaky")
    mine = locals()
    service = kernel.services.get("s")
    assert not kernel.unload("leaky", prove=True).is_clean
    assert mine["kernel"] is kernel
    del service


def test_what_a_call_holds_in_its_midst_is_said_to_be_unseen(app: Any) -> None:
    kernel = Kernel()
    kernel.register(ModuleSource("def load(plugin, ctx): ctx.register_service('s', Thing())"))
    kernel.load("leaky")

    def pair(first: object, second: UnloadProof) -> UnloadProof:
        return second

    (leftover,) = pair(kernel.services.get("s"), kernel.unload("leaky", prove=True)).leftovers
    assert "or a call that is under way" in leftover.held_by[0]


def test_many_of_a_kind_in_one_place_are_told_once(app: Any) -> None:
    proof = prove("def load(plugin, ctx): host_app.leaked = [Thing() for _ in range(500)]")
    (leftover,) = proof.leftovers
    assert leftover.description == "Thing, 500 times,"
    (holder,) = leftover.held_by
    assert holder.endswith(" of a list, in global 'leaked' of module host_app")


def test_three_holders_are_told_the_nearest_first(app: Any) -> None:
    proof = prove(
        """
        def load(plugin, ctx):
            thing = Thing()
            host_app.a = [[thing]]
            host_app.b = thing
            host_app.c = [thing]
            host_app.d = [[[thing]]]
        """
    )
    (leftover,) = proof.leftovers
    assert [one.rpartition("global ")[2][:3] for one in leftover.held_by] == ["'b'", "'c'", "'a'"]


def test_a_provided_object_that_can_not_be_referred_to_weakly_is_found(app: Any) -> None:
    proof = prove(
        """
        def load(plugin, ctx):
            provided = {"plugin": plugin}
            ctx.register_service("s", provided)
            host_app.leaked = provided
        """
    )
    kinds = {one.kind for one in proof.leftovers}
    assert LeftoverKind.PROVIDED in kinds
    assert "'s', dict" in str(proof)


def test_a_task_that_still_waits_is_named(app: Any) -> None:
    async def main() -> UnloadProof:
        app.create_task = asyncio.create_task
        kernel = Kernel()
        kernel.register(
            ModuleSource(
                """
                import asyncio
                async def wait(): await asyncio.Event().wait()
                def load(plugin, ctx):
                    host_app.task = asyncio.create_task(wait(), name="poller")
                """
            )
        )
        kernel.load("leaky")
        await asyncio.sleep(0)
        proof = kernel.unload("leaky", prove=True)
        app.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await app.task
        return proof

    proof = asyncio.run(main())
    (leftover,) = proof.leftovers
    assert leftover.kind is LeftoverKind.TASK
    assert leftover.description.startswith("'poller' awaits in wait (proved_leaky.py:")
    assert leftover.remedy == "cancel the task in on_unload"


def test_a_callback_of_an_event_loop_is_named(app: Any) -> None:
    loop = asyncio.new_event_loop()
    app.loop = loop
    try:
        proof = prove("def later(): pass\ndef load(plugin, ctx): host_app.loop.call_later(1000, later)")
    finally:
        loop.close()
    (leftover,) = proof.leftovers
    assert leftover.kind is LeftoverKind.TASK
    assert "in handle" in leftover.held_by[0]


# Plugins that are objects of the host's


class Own(Plugin):
    """A plugin whose class is the host's."""

    metadata = PluginMetadata("own", "1.0.0")

    def __init__(self, do: Callable[[Own, PluginContext], object]) -> None:
        self.do = do

    def on_load(self, ctx: PluginContext) -> None:
        self.do(self, ctx)

    def wait(self, stop: threading.Event) -> None:
        stop.wait()


def prove_own(do: Callable[[Own, PluginContext], object]) -> UnloadProof:
    kernel = Kernel()
    kernel.register(Own(do))
    kernel.load("own")
    return kernel.unload("own", prove=True)


def test_a_registered_object_and_what_it_has_may_stay(app: Any) -> None:
    def do(plugin: Own, ctx: PluginContext) -> None:
        plugin.ctx = ctx  # type: ignore[attr-defined] # as plugins do
        plugin.service = Stash()  # type: ignore[attr-defined] # as plugins do
        ctx.register_service("s", plugin.service)  # type: ignore[attr-defined] # as plugins do
        ctx.provide(STORE, {})

    assert prove_own(do).is_clean
    plugin = Own(do)
    kernel = Kernel()
    kernel.register(plugin)
    kernel.load("own")
    assert kernel.unload("own", prove=True).is_clean, "its maker may keep it"
    source = FakeSource(plugin)
    other = Kernel()
    other.register(source)
    other.load("own")
    assert other.unload("own", prove=True).is_clean


def test_a_registered_object_that_others_hold_is_named(app: Any) -> None:
    proof = prove_own(lambda plugin, ctx: app.kept.append(plugin.wait))
    (leftover,) = proof.leftovers
    assert leftover.kind is LeftoverKind.PLUGIN
    assert leftover.held_by == ("bound method 'wait', in item 0 of a list, in global 'kept' of module host_app",)


def test_a_registered_object_in_an_exit_handler_is_named(app: Any) -> None:
    handlers: list[Callable[[], object]] = []

    def do(plugin: Own, ctx: PluginContext) -> None:
        closing = plugin.save_state
        atexit.register(closing)
        handlers.append(lambda: atexit.unregister(closing))

    proof = prove_own(do)
    handlers[0]()
    assert [one.kind for one in proof.leftovers] == [LeftoverKind.EXIT_HANDLER, LeftoverKind.PLUGIN][
        : len(proof.leftovers)
    ]
    assert "in atexit" in str(proof)


def test_a_thread_with_a_method_of_a_registered_object_is_named(app: Any) -> None:
    def do(plugin: Own, ctx: PluginContext) -> None:
        threading.Thread(target=plugin.wait, args=(app.stop,), name="own worker").start()

    proof = prove_own(do)
    assert {one.kind for one in proof.leftovers} == {LeftoverKind.THREAD}
    assert "'own worker'" in str(proof)


def test_what_a_registered_object_has_open_is_named(app: Any) -> None:
    def do(plugin: Own, ctx: PluginContext) -> None:
        plugin.file = open(app.path, "wb")  # type: ignore[attr-defined] # noqa: PTH123, SIM115 - left open

    plugin = Own(do)
    kernel = Kernel()
    kernel.register(plugin)
    kernel.load("own")
    (leftover,) = kernel.unload("own", prove=True).leftovers
    vars(plugin)["file"].close()
    assert leftover.kind is LeftoverKind.FILE
    assert leftover.description.startswith("BufferedWriter '")


# Entries under a plugin's name or folder


class PackageSource(ModuleSource):
    """A source whose module is a package in a folder."""

    def __init__(self, code: str, folder: str) -> None:
        super().__init__(code)
        self._code = f"__path__ = [{folder!r}]\n{self._code}"


def test_what_a_plugin_imports_by_way_of_sys_path_is_named(app: Any, tmp_path: Any) -> None:
    (tmp_path / "proved_aid.py").write_text("class Aid: pass")
    (tmp_path / "proved_package").mkdir()
    (tmp_path / "proved_package" / "__init__.py").touch()
    app.folder = str(tmp_path)
    kernel = Kernel()
    code = """
        def load(plugin, ctx):
            sys.path.append(host_app.folder)
            import proved_aid, proved_package
        """
    kernel.register(PackageSource(code, str(tmp_path)))
    kernel.load("leaky")
    proof = kernel.unload("leaky", prove=True)
    assert {(one.kind, one.description.partition(" '")[0]) for one in proof.leftovers} == {
        (LeftoverKind.MODULE, "sys.modules entry"),
        (LeftoverKind.PATH, "sys.path entry"),
    }
    assert len(proof.leftovers) == 3
    assert "import it as 'from . import proved_aid'" in str(proof)


def test_a_plugin_is_unloaded_where_nothing_can_be_proved(app: Any) -> None:
    kernel = Kernel()
    kernel.register(ModuleSource("def load(plugin, ctx): pass"))
    kernel.load("leaky")
    record = kernel.registry.record("leaky")
    assert isinstance(record.source, ModuleSource)
    record.source.modules = 3  # type: ignore[assignment] # no names
    with pytest.raises(TypeError):
        kernel.unload("leaky", prove=True)
    assert kernel.list(PluginState.ACTIVE) == ()


def test_what_was_never_wanted_is_not_made_for_the_proof(app: Any) -> None:
    made: list[str] = []

    def make() -> dict[str, int]:
        made.append("made")
        return {}

    kernel = Kernel()
    kernel.services.provide_lazy(STORE, make)
    kernel.register(Own(lambda plugin, ctx: ctx.provide_lazy(STORE, make)))
    kernel.load("own")
    assert kernel.unload("own", prove=True).is_clean
    assert made == []


def test_the_c_part_of_a_module_is_never_looked_into(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[type] = []
    ask = gc.get_referents

    def listening(*objects: object) -> list[Any]:
        asked.extend(map(type, objects))
        return ask(*objects)

    monkeypatch.setattr(gc, "get_referents", listening)
    proof = prove("def load(plugin, ctx): host_app.leaked = sys.modules[__name__]")
    assert not proof.is_clean
    assert FunctionType in asked
    assert ModuleType not in asked


def test_what_lies_in_the_globals_of_others_is_not_the_plugins(app: Any) -> None:
    code = """
        def load(plugin, ctx):
            plugin.space = host_app.made.pop()
            host_app.leaked = plugin
        """
    namespace: dict[str, Any] = {"__name__": "unlisted"}
    exec("", namespace)  # noqa: S102 - makes them the globals of a module
    with open(app.path, "w") as namespace["file"]:  # noqa: PTH123 - as hosts do
        app.made = [namespace]
        del namespace
        proof = prove(code)
    assert {one.kind for one in proof.leftovers} == {LeftoverKind.PLUGIN}, str(proof)


def test_what_the_annotations_of_a_function_hold_is_named_with_the_function(app: Any) -> None:
    proof = prove("def load(plugin, ctx): host_app.plain.__annotations__['thing'] = Thing()")
    assert "held by value of key 'thing' of a dict, in attribute of function" in str(proof), str(proof)


def test_the_variables_of_a_class_body_that_unloads_are_kept(app: Any) -> None:
    kernel = Kernel()
    kernel.register(ModuleSource("def load(plugin, ctx): ctx.register_service('s', Thing())"))
    kernel.load("leaky")

    class Body:
        before = "kept"
        service = kernel.services.get("s")
        proof = kernel.unload("leaky", prove=True)

    assert Body.before == "kept"
    (leftover,) = Body.proof.leftovers
    assert leftover.held_by[0].startswith("local variable 'service' of ")


def test_a_package_of_the_host_under_a_name_of_the_plugin_is_told_once(app: Any) -> None:
    app.package = ModuleType("host_package")
    app.package.__path__ = ["/nowhere/host"]
    code = "def load(plugin, ctx): sys.modules['proved_leaky.own'] = host_app.package"
    (leftover,) = prove(code).leftovers
    assert leftover.description == "sys.modules entry 'proved_leaky.own'"


def test_what_a_functions_own_globals_hold_is_named_with_the_function(app: Any) -> None:
    namespace: dict[str, Any] = {"__name__": "unlisted"}
    exec("def call(): pass", namespace)  # noqa: S102 - a function of a module that is in no list
    app.call = namespace["call"]
    proof = prove("def load(plugin, ctx): host_app.call.__globals__['thing'] = Thing()")
    assert "globals of function unlisted.call" in str(proof), str(proof)


def test_a_thread_that_waits_to_run_a_function_of_the_plugin_is_named(app: Any) -> None:
    class Late(threading.Thread):
        def run(self) -> None:
            app.stop.wait()
            super().run()

    app.Late = Late
    proof = prove("def work(): pass\ndef load(plugin, ctx): host_app.Late(target=work, name='late').start()")
    assert LeftoverKind.THREAD in {one.kind for one in proof.leftovers}
    assert "thread 'late' runs" in str(proof)


def test_an_entry_of_sys_modules_that_is_no_module_is_passed_over(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "proved_no_module", Stash())
    assert prove("def load(plugin, ctx): pass").is_clean


def test_nothing_is_asked_of_asyncio_where_nobody_has_imported_it(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "asyncio")
    assert prove("def load(plugin, ctx): pass").is_clean


def test_a_provided_object_of_an_own_class_without_weak_references_is_told_once(app: Any) -> None:
    proof = prove(
        """
        class Slim: __slots__ = ("x",)
        def load(plugin, ctx):
            slim = Slim()
            slim.x = []
            ctx.register_service("s", slim)
            host_app.leaked = slim
        """
    )
    (leftover,) = proof.leftovers
    assert (leftover.kind, leftover.description) == (LeftoverKind.OBJECT, "Slim")


def test_a_thread_of_the_plugin_that_unloads_it_is_not_waited_for(app: Any) -> None:
    kernel = Kernel()
    proofs: list[UnloadProof] = []
    loaded = threading.Event()

    def unload() -> None:
        loaded.wait(30)
        proofs.append(kernel.unload("leaky", prove=True))

    app.unload = unload
    code = """
        import threading
        def load(plugin, ctx):
            plugin.thread = threading.Thread(target=host_app.unload, name="own")
            plugin.thread.start()
        """
    kernel.register(ModuleSource(code))
    kernel.load("leaky")
    (thread,) = (one for one in threading.enumerate() if one.name == "own")
    loaded.set()
    thread.join(30)
    assert len(proofs) == 1
    assert kernel.list(PluginState.ACTIVE) == ()


def test_garbage_that_makes_more_garbage_is_collected_so_often_and_no_more(app: Any) -> None:
    class Endless:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            if app.is_endless:
                Endless()

    app.is_endless = True
    Endless()
    try:
        proof = prove("def load(plugin, ctx): pass")
    finally:
        app.is_endless = False
        gc.collect()
    assert proof.is_clean


def test_garbage_of_the_plugin_that_makes_more_of_it_is_said_to_be_held_by_nothing_that_was_found(app: Any) -> None:
    app.is_endless = True
    try:
        proof = prove(
            """
            class Endless:
                def __init__(self):
                    self.itself = self
                def __del__(self):
                    if host_app.is_endless:
                        Endless()

            def load(plugin, ctx):
                Endless()
            """
        )
    finally:
        app.is_endless = False
        gc.collect()
    assert {one.held_by for one in proof.leftovers} == {("something that was not found",)}


def test_one_object_with_very_many_holders_is_named_with_the_place_where_these_end(app: Any) -> None:
    (leftover,) = prove("def load(plugin, ctx): host_app.leaked = [[plugin] for _ in range(5100)]").leftovers
    assert leftover.kind is LeftoverKind.PLUGIN
    for text in leftover.held_by:
        assert text.startswith("item 0 of a list, in item ")
        assert text.endswith(" of a list, in global 'leaked' of module host_app")
