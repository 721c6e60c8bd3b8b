"""Import a plugin's folder as a private package, without touching ``sys.path``.

Three parts: a `SourceTree` is what the folder held when it was opened, a `ModuleNamespace` is that tree under a name
of its own in ``sys.modules``, and a `NamespaceFinder` answers the import system for the namespaces one loader has open.
The name is synthetic, so two plugins, two revisions of one, and two kernels over one folder live side by side.
What modules of the folder import of each other absolutely is compiled as an import of the private names (`OwnNames`).

What runs is what was hashed: sources are read once, at ``open``, and compiled from those bytes. No ``.pyc`` is read or
written, a later edit of the folder reaches only the next ``open``, and a lazy import inside an old revision still gets
that revision's code even when its file is gone.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.abc
import linecache
import os
import re
import sys
import threading
import typing
from contextlib import contextmanager
from functools import partial
from importlib.machinery import (
    ExtensionFileLoader,
    ModuleSpec,
    SourceFileLoader,
)
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from .import_errors import (
    EntrypointError,
    NamespaceClosedError,
    OutsideRootError,
    PluginImportError,
    missing_module,
    offer_names,
)
from .own_names import OwnNames
from .source_tree import SourceTree, is_name
from .subscripts import forget_subscripts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import CodeType, TracebackType

    from .source_tree import ModuleFile

# One lock for the process, because what it guards belongs to the process: changes of sys.meta_path by several finders.
# Re-entrant, so that a signal handler may shut a kernel down; never held while plugin code runs.
_LOCK = threading.RLock()


class _SourceLoader(SourceFileLoader):
    """Run a module from the bytes its namespace read, past every bytecode cache."""

    def __init__(self, fullname: str, file: ModuleFile, namespace: ModuleNamespace) -> None:
        super().__init__(fullname, str(file.path))
        self._source = file.source or b""
        self._namespace = namespace

    def get_data(self, path: str) -> bytes:
        return self._source if path == self.path else super().get_data(path)

    @property
    def reopening(self) -> Callable[[], object]:
        """Return what opens the module's package under the same name in another process, until that ends; it pickles.

        Found by executors that send objects of plugins to processes.
        """
        return partial(_open_for_good, self._namespace._tree.plugin, str(self._namespace.root), self._namespace.name)

    def get_code(self, fullname: str) -> CodeType:
        tree = self._namespace._own_names.rewrite(self._source, self.path, self._namespace._relative(fullname))
        code: CodeType = self.source_to_code(self._source if tree is None else tree, self.path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        with self._namespace._running(module.__name__):
            super().exec_module(module)


class _ExtensionLoader(ExtensionFileLoader):
    """Run an extension module as the import system does, refused once its namespace is closed."""

    def __init__(self, fullname: str, file: ModuleFile, namespace: ModuleNamespace) -> None:
        super().__init__(fullname, str(file.path))
        self._namespace = namespace

    def exec_module(self, module: ModuleType) -> None:
        with self._namespace._running(module.__name__):
            super().exec_module(module)


class ModuleNamespace:
    """A private package over one folder.

    Lifecycle: 1. `NamespaceFinder.open`, which runs ``__init__.py`` if there is one; 2. `import_module` and `resolve`,
    from any thread; 3. `close`, also through ``with``.

    Objects pickle by the namespace's name: a pickle is read back while the same revision is open, here or in a process
    that opened the same content under the same id, and is refused by any other revision.

    Attributes:
        name: The package's name in ``sys.modules``, the same for the same id and content in every process, with
            ``_2``, ``_3`` ... added while an equal one is open.
        root: The folder, resolved.
        revision: SHA-256 of the folder's sources and their relative paths, hex. Extension modules are not part of it.
    """

    def __init__(self, finder: NamespaceFinder, tree: SourceTree, name: str) -> None:
        self.name = name
        self.root = tree.root
        self.revision = tree.revision
        self._finder = finder
        self._tree = tree
        self._own_names = OwnNames(tree, name)
        self._is_closed = False
        self._paths_before = frozenset(self._inside(sys.path_importer_cache))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.name}' {'closed' if self._is_closed else 'open'}>"

    def __enter__(self) -> ModuleNamespace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def import_module(self, relative: str) -> ModuleType:
        """Import a module of the plugin, ``'plugin'`` or ``'sub.module'``; ``''`` is the package itself.

        ``SystemExit`` and ``KeyboardInterrupt`` from the plugin's code pass through untranslated.

        Raises:
            EntrypointError: ``relative`` is no dotted name.
            NamespaceClosedError: The namespace is closed, or was while the plugin's code ran.
            OutsideRootError: A link leads out of the folder.
            PluginImportError: Anything else the import raised; the namespace stays open, for the caller to close.
        """
        if relative and not all(map(is_name, relative.split("."))):
            raise EntrypointError(self._tree.plugin, relative, f"'{relative}' is no module name")
        fullname = f"{self.name}.{relative}" if relative else self.name
        try:
            self._ensure_open(fullname)
            module = importlib.import_module(fullname)
            self._ensure_open(fullname)
        except (NamespaceClosedError, OutsideRootError):
            raise
        except Exception as error:
            self._ensure_open(fullname)
            raise self._translate(relative, error) from error
        finally:
            if self._is_closed:
                # importlib takes a finished module out of sys.modules and puts it back, and close() may run in between.
                self._remove_late()
        return module

    def resolve(self, entrypoint: str) -> object:
        """Import what ``'module:Name'`` or ``'module:Outer.Inner'`` names; ``':Name'`` is in the package itself.

        Raises:
            EntrypointError: The text has another form.
            PluginImportError: The import failed, or the module has no such name (near ones are offered).
            NamespaceClosedError, OutsideRootError: As in `import_module`.
        """
        relative, colon, path = entrypoint.partition(":")
        if not colon:
            raise EntrypointError(self._tree.plugin, entrypoint, "it has no ':'")
        parts = path.split(".")
        if not all(map(is_name, parts)):
            raise EntrypointError(self._tree.plugin, entrypoint, f"'{path}' is no name")
        found: object = self.import_module(relative)
        for depth, part in enumerate(parts):
            try:
                found = getattr(found, part)
            except AttributeError as error:
                owner = ".".join(parts[:depth]) or relative or "__init__"
                near = offer_names(part, (name for name in dir(found) if not name.startswith("_")))
                cause = f"'{owner}' has no '{part}'"
                raise PluginImportError(self._tree.plugin, entrypoint, cause, near) from error
            except Exception as error:  # a module's __getattr__ may import, and fail as an import does
                raise self._translate(entrypoint, error) from error
        return found

    def close(self) -> None:
        """Take the package out of the process; a second call does nothing.

        Objects made by the plugin live on while somebody holds them, but can't import from it any more.
        """
        if not self._finder._withdraw(self):
            return
        prefix = f"{self.name}."
        for fullname in [name for name in list(sys.modules) if name.startswith(prefix)]:
            sys.modules.pop(fullname, None)
        sys.modules.pop(self.name, None)  # last: while it is there, no other finder takes the name
        for path in self._inside(sys.path_importer_cache):
            if path not in self._paths_before:
                sys.path_importer_cache.pop(path, None)
        for path in self._inside(linecache.cache):
            linecache.cache.pop(path, None)
        forget_subscripts(self.name)

    def _relative(self, fullname: str) -> str:
        """Return the name of a module within the folder."""
        return fullname[len(self.name) + 1 :]

    def _spec(self, fullname: str) -> ModuleSpec | None:
        file = self._tree.find(self._relative(fullname))
        if file is None:
            return None
        loader = _ExtensionLoader(fullname, file, self) if file.source is None else _SourceLoader(fullname, file, self)
        folders = [str(file.path.parent)] if file.is_package else None
        if file.has_file:
            return spec_from_file_location(fullname, file.path, loader=loader, submodule_search_locations=folders)
        spec = ModuleSpec(fullname, loader, is_package=True)
        spec.submodule_search_locations = folders
        return spec

    def _run_package(self) -> None:
        """Put the package in the place of its reservation and run its ``__init__``."""
        try:
            spec = typing.cast("ModuleSpec", self._spec(self.name))
            package = module_from_spec(spec)
            with _LOCK:
                self._ensure_open(self.name)  # once closed, the name may be another namespace's
                sys.modules[self.name] = package
            typing.cast("importlib.abc.Loader", spec.loader).exec_module(package)
        except (NamespaceClosedError, OutsideRootError):
            raise
        except Exception as error:
            raise self._translate("", error) from error

    @contextmanager
    def _running(self, fullname: str) -> Iterator[None]:
        """Refuse to start, and to finish, a module of a closed namespace; importlib then removes what it had added."""
        self._ensure_open(fullname)
        yield
        self._ensure_open(fullname)

    def _ensure_open(self, fullname: str) -> None:
        if self._is_closed:
            raise NamespaceClosedError(self._tree.plugin, self._relative(fullname))

    def _remove_late(self) -> None:
        """Remove modules that reached ``sys.modules`` after `close`; the name may be another namespace's by now."""
        for fullname, module in list(sys.modules.items()):
            if fullname.startswith(f"{self.name}."):
                loader = getattr(getattr(module, "__spec__", None), "loader", None)
                if getattr(loader, "_namespace", None) is self:
                    sys.modules.pop(fullname, None)

    def _inside(self, paths: Iterable[object]) -> list[str]:
        root = str(self.root)
        return [
            path for path in list(paths) if isinstance(path, str) and (path == root or path.startswith(root + os.sep))
        ]

    def _translate(self, target: str, error: Exception) -> PluginImportError:
        plugin, prefix = self._tree.plugin, f"{self.name}."
        text = str(error).replace(prefix, ".")
        cause = f"{type(error).__name__}: {text}" if text else type(error).__name__
        missing = missing_module(error)
        if missing is None:
            return PluginImportError(plugin, target, cause)
        if missing.startswith(prefix):
            known = {key.replace("/", ".") for key in self._tree.modules if key}
            return PluginImportError(plugin, target, cause, offer_names(missing.removeprefix(prefix), known))
        if missing.partition(".")[0] in self._tree.modules:
            remedy = (
                f"'{missing}' is a module of the plugin, which has no such name in the process"
                f"; import it by a statement, or as '.{missing}' relative to '__package__'"
            )
            return PluginImportError(plugin, target, cause, remedy)
        return PluginImportError(plugin, target, cause, missing=missing)


class NamespaceFinder(importlib.abc.MetaPathFinder):
    """Answer the import system for the namespaces that one loader has open.

    Lifecycle: 1. construct, one a loader; 2. `open`, any number, from any thread; 3. close each namespace. It sits in
    ``sys.meta_path`` while it has one open, first, so that no other finder looks into a plugin's folder.
    """

    def __init__(self) -> None:
        self._open: dict[str, ModuleNamespace] = {}

    @property
    def namespaces(self) -> tuple[ModuleNamespace, ...]:
        """The open namespaces, oldest first."""
        with _LOCK:
            return tuple(self._open.values())

    def open(self, plugin: str, root: Path, *, name: str | None = None) -> ModuleNamespace:
        """Read the folder ``root`` and run its ``__init__.py``, if there is one, as a new private package.

        Args:
            plugin: The plugin's id.
            root: Its folder.
            name: The package's name, where it has one in another process already; numbered as any other if taken.

        Raises:
            PluginImportError: The folder can't be read, or its ``__init__.py`` failed; nothing is left behind.
            OutsideRootError: ``__init__.py``, or something it imports, is a link out of the folder.
        """
        namespace = self._reserve(SourceTree.read(plugin, root), name)
        try:
            namespace._run_package()
        except BaseException:
            namespace.close()
            raise
        return namespace

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module in an open namespace, ``None`` for every other name.

        Raises:
            ModuleNotFoundError: The namespace has no such module. Raised here, because the finders that follow would
                search the folder on their own, with its bytecode and its links.
        """
        namespace = self._open.get(fullname.partition(".")[0])
        if namespace is None:
            return None
        spec = namespace._spec(fullname)
        if spec is None:
            raise ModuleNotFoundError(f"No module named '{fullname}'", name=fullname)
        return spec

    def _reserve(self, tree: SourceTree, wanted: str | None) -> ModuleNamespace:
        slug = re.sub(r"\W", "_", tree.plugin, flags=re.ASCII)
        # The id is hashed too: 'a.b' and 'a-b' have the same slug.
        tag = hashlib.sha256(f"{tree.plugin}\0{tree.revision}".encode()).hexdigest()[:8]
        base = name = wanted or f"plugbus_plugin_{slug}_{tag}"
        for number in count(2):
            placeholder = ModuleType(name)
            # setdefault is one step, so that of two threads, or two finders, one gets the name.
            if sys.modules.setdefault(name, placeholder) is placeholder:
                break
            name = f"{base}_{number}"
        namespace = ModuleNamespace(self, tree, name)
        with _LOCK:
            if not self._open:
                # A new list, here and below: an import in another thread may be going through the old one, and would
                # skip a finder that moved.
                sys.meta_path = [typing.cast("typing.Any", self), *sys.meta_path]
            self._open[name] = namespace
        return namespace

    def _withdraw(self, namespace: ModuleNamespace) -> bool:
        """Stop answering for ``namespace`` and mark it closed; return whether it was open."""
        with _LOCK:
            if self._open.get(namespace.name) is not namespace:
                return False
            namespace._is_closed = True
            del self._open[namespace.name]
            if not self._open:
                sys.meta_path = [finder for finder in sys.meta_path if finder is not self]
            return True


def _open_for_good(plugin: str, root: str, name: str) -> None:
    """Open a package under the name that it has in another process, unless it is open here."""
    if name not in sys.modules:
        NamespaceFinder().open(plugin, Path(root), name=name)
