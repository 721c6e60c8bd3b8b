"""Absolute imports of a plugin's own modules: ``from plugin.means import mean`` in the folder that holds ``plugin``.

Such a statement is compiled as one of the module's private name, so that nothing has to stand in ``sys.path``, nor
under the plain name in ``sys.modules``, and what runs is an import as any other: in functions, threads and circles,
at the same speed. Modules that hold none of these are compiled as they are.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from functools import cached_property
from importlib.util import decode_source, find_spec
from typing import TYPE_CHECKING, Final
from unicodedata import normalize

from .import_errors import OutsideRootError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .source_tree import ModuleFile, SourceTree

# The process has one of each, whatever lies in a folder: people write `from . import types` and `import types` in turn.
NEVER_OWN: Final = frozenset({*sys.stdlib_module_names, "__main__", "plugbus"})


class OwnNames:
    """The names by which the modules of a folder may import each other absolutely.

    What a module or package of the folder is called means that one, whatever is installed. A folder without an
    ``__init__.py`` means its modules; a name that it has not is looked for elsewhere first, as Python does. The
    folder's own name, where it is a package itself, counts where nothing else is called so.

    Args:
        tree: What the folder held.
        package: Its private name.
    """

    def __init__(self, tree: SourceTree, package: str) -> None:
        self._tree = tree
        self._package = package
        known = {name for names in (tree.modules, tree.links, tree.outside) for name in names if "/" not in name}
        if tree.modules[""].has_file:
            known.add(tree.root.name)
        self._names = frozenset(known) - NEVER_OWN - {"", "__init__"}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """What a statement looks like that may mean a module of the folder; finds too much rather than too little."""
        names = "|".join(map(re.escape, sorted(self._names)))
        return re.compile(rf"\bfrom[\s\\]+(?:{names})\b|\bimport\b(?:[^\n]|\\\r?\n)*\b(?:{names})\b")

    def rewrite(self, source: bytes, path: str, module: str) -> ast.Module | None:
        """Return what to compile in the place of a source, None where it is to be compiled as it is.

        Args:
            source: What the file holds.
            path: The file, for messages.
            module: The module's name within the folder, with dots.

        Raises:
            SyntaxError: The source can't be parsed.
        """
        if not self._names or b"import" not in source:
            return None
        try:
            text = decode_source(source)
        except (SyntaxError, UnicodeDecodeError):
            return None  # told by the compiler, with its place
        if not self._pattern.search(text if text.isascii() else normalize("NFKC", text)):
            return None
        try:
            tree = ast.parse(source, path)
        except RecursionError:
            return None  # an expression that is deep enough can be compiled, but not be looked at
        waiting: list[ast.AST] = [tree]
        while waiting:
            node = waiting.pop()
            for name in ("body", "orelse", "finalbody", "handlers", "cases"):
                block: list[ast.AST] | None = getattr(node, name, None)
                if block:
                    block[:] = [renamed for one in block for renamed in self._renamed(one, module)]
                    waiting.extend(block)
        return tree

    def private(self, module: str, dotted: str, members: tuple[str, ...] = ()) -> str | None:
        """Return the private name of what ``dotted`` means in a module of the folder, None for what is not its own.

        Args:
            module: The module that asks.
            dotted: What is imported.
            members: The names that are imported from it.
        """
        top, _, rest = dotted.partition(".")
        if top not in self._names:
            return None
        found = self._top(top)
        if top == module and found is not None and not found.is_package:
            return None  # a module 'torch' that imports torch means what it is called after
        if found is None or not found.has_file:
            inner = (dotted.split(".")[1],) if rest else members
            is_there = found is not None and any(self._is_there(f"{top}.{name}") for name in inner)
            if not is_there and self._is_elsewhere(top):
                return None
        if found is None and top not in self._tree.outside:  # the folder's own name
            return f"{self._package}.{rest}" if rest else self._package
        return f"{self._package}.{dotted}"

    def _renamed(self, node: ast.AST, module: str) -> Iterator[ast.AST]:
        """Yield what stands for a statement: imports by private names, that bind the same names as before."""
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            node.module = self.private(module, node.module, tuple(one.name for one in node.names)) or node.module
        if not isinstance(node, ast.Import):
            yield node
            return
        for one in node.names:
            private, (top, _, rest) = self.private(module, one.name), one.name.partition(".")
            if private is None:
                yield _at(node, ast.Import([one]))
            elif one.asname or not rest:
                yield _at(node, ast.Import([ast.alias(private, one.asname or top)]))
            else:
                # `import plugin.sub` imports the one and binds the other. The other by `import ... as`, which finds
                # a package that is only just being imported; as an attribute of its parent it would not be there.
                call = ast.Call(ast.Name("__import__", ast.Load()), [ast.Constant(private)], [])
                yield _at(node, ast.Expr(call))
                yield _at(node, ast.Import([ast.alias(private.removesuffix(f".{rest}"), top)]))

    def _top(self, name: str) -> ModuleFile | None:
        """Return what a first name is in the folder; None for a link that leads out, and for the folder's own."""
        return None if name in self._tree.outside else self._tree.modules.get(self._tree.links.get(name, name))

    def _is_there(self, dotted: str) -> bool:
        try:
            return self._tree.find(dotted) is not None
        except OutsideRootError:
            return True  # and is refused when it is imported

    def _is_elsewhere(self, name: str) -> bool:
        """Tell whether the process would find a module of this name outside the folder."""
        try:
            spec = find_spec(name)
        except (ImportError, ValueError):  # ValueError: a module that was put into sys.modules by hand
            return name in sys.modules
        if spec is None or spec.origin is None:  # None: a folder of this name that happens to be on the path
            return False
        return not os.path.realpath(spec.origin).startswith(f"{self._tree.root}{os.sep}")


def _at(origin: ast.stmt, statement: ast.stmt) -> ast.stmt:
    """Return a statement at the place of another, so that tracebacks show what was written."""
    for node in ast.walk(statement):
        ast.copy_location(node, origin)
    return statement
