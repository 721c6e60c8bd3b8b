"""What one source file says of classes and functions, by its syntax tree alone."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES: Final = 8 << 20
"""The longest source file that is read."""

ATTRIBUTES: Final = frozenset(
    {"action_name", "category", "input_type", "method", "output_type", "params_model", "result_model"}
)
"""What is read of the body of a class."""


# Tuples, as isinstance takes three times as long with the unions that are made of them.
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS: Final = (ast.If, ast.For, ast.While)
_TRIES: Final = (ast.Try, ast.TryStar)
_NAMES: Final = (ast.Name, ast.Attribute, ast.Subscript)

# The parameters of the decorator that makes an action of a function, in order.
_DECORATED: Final = ("name", "description", "params", "result", "category")


class Expression(TypedDict, total=False):
    """What an expression says, as far as that can be read without running it: nothing, a name, or a text.

    ``name`` is dotted, ``arguments`` are the names in the brackets after it, ``text`` is a literal text, ``is_none``
    is there where it is None.
    """

    name: str
    arguments: list[str]
    text: str
    is_none: bool


class ClassFacts(TypedDict):
    """What a file says of a class. ``parameters`` are its own type parameters, ``abstract`` some of ``defined``."""

    line: int
    bases: list[Expression]
    attributes: dict[str, Expression]
    defined: list[str]
    abstract: list[str]
    parameters: list[str]
    doc: str


class FunctionFacts(TypedDict):
    """What a file says of a decorated function; each decorator has a name and the keywords it is called with."""

    line: int
    decorators: list[tuple[str, dict[str, Expression]]]
    doc: str


class ModuleFacts(TypedDict):
    """What a file says: names it imports, makes and calls otherwise. ``fault`` is line, column and why, or nothing.

    An import is a module, with a dot before it for each level, and a name of it; no name for the module itself.
    """

    imports: dict[str, tuple[str, str]]
    stars: list[str]
    aliases: dict[str, Expression]
    variables: list[str]
    classes: dict[str, ClassFacts]
    functions: dict[str, FunctionFacts]
    fault: tuple[int, int, str] | None


def read_facts(source: bytes) -> ModuleFacts:
    """Return what a source file says; what is wrong with it is its ``fault``, and never raised."""
    facts = ModuleFacts(imports={}, stars=[], aliases={}, variables=[], classes={}, functions={}, fault=None)
    if len(source) > MAX_BYTES:
        facts["fault"] = (1, 1, f"it is longer than {MAX_BYTES} bytes")
        return facts
    try:
        tree = _parsed(source)
    except SyntaxError as error:
        facts["fault"] = (max(error.lineno or 1, 1), max(error.offset or 1, 1), error.msg)
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL; too many brackets
        facts["fault"] = (1, 1, str(error) or type(error).__name__)
    else:
        _read(tree.body, facts)
    return facts


def _parsed(source: bytes) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        # Where warnings are errors, an escape that is only bad style is a syntax error.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)


def _read(body: Iterable[ast.stmt], facts: ModuleFacts) -> None:
    for node in body:
        if isinstance(node, ast.ImportFrom):
            _read_import_from(node, facts)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                facts["imports"][alias.asname or top] = (alias.name if alias.asname else top, "")
        elif isinstance(node, ast.ClassDef):
            facts["classes"][node.name] = _class_facts(node)
        elif isinstance(node, _FUNCTIONS):
            if node.decorator_list:
                facts["functions"][node.name] = _function_facts(node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    _read_alias(target.id, node.value, facts)
        elif isinstance(node, ast.AnnAssign):
            if isinstance(node.target, ast.Name) and node.value is not None:
                _read_alias(node.target.id, node.value, facts)
        elif isinstance(node, _BLOCKS):
            _read(node.body, facts)
            _read(node.orelse, facts)
        elif isinstance(node, ast.With):
            _read(node.body, facts)
        elif isinstance(node, _TRIES):
            for part in (*(one.body for one in node.handlers), node.orelse, node.finalbody):
                _read(part, facts)
            _read(node.body, facts)  # last: what is tried first is what is meant


def _read_import_from(node: ast.ImportFrom, facts: ModuleFacts) -> None:
    module = "." * node.level + (node.module or "")
    for alias in node.names:
        if alias.name == "*":
            facts["stars"].append(module)
        else:
            facts["imports"][alias.asname or alias.name] = (module, alias.name)


def _read_alias(name: str, value: ast.expr, facts: ModuleFacts) -> None:
    if isinstance(value, ast.Call):
        if _dotted(value.func).rpartition(".")[2] == "TypeVar":
            facts["variables"].append(name)
    elif isinstance(value, _NAMES):
        found = _expression(value)
        if found:
            facts["aliases"][name] = found


def _class_facts(node: ast.ClassDef) -> ClassFacts:
    attributes: dict[str, Expression] = {}
    defined: list[str] = []
    abstract: list[str] = []
    for inner in node.body:
        if isinstance(inner, _FUNCTIONS):
            defined.append(inner.name)
            for decorator in inner.decorator_list:
                if "abstract" in _dotted(decorator):
                    abstract.append(inner.name)
            continue
        if isinstance(inner, ast.Assign):
            targets, value = inner.targets, inner.value
        elif isinstance(inner, ast.AnnAssign) and inner.value is not None:
            targets, value = [inner.target], inner.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                defined.append(target.id)
                if target.id in ATTRIBUTES:
                    attributes[target.id] = _expression(value)
    return ClassFacts(
        line=node.lineno,
        bases=[_expression(base) for base in node.bases],
        attributes=attributes,
        defined=defined,
        abstract=abstract,
        parameters=[one.name for one in getattr(node, "type_params", ())],
        doc=_first_line(node.body),
    )


def _function_facts(node: ast.FunctionDef | ast.AsyncFunctionDef) -> FunctionFacts:
    decorators: list[tuple[str, dict[str, Expression]]] = []
    for one in node.decorator_list:
        keywords: dict[str, Expression] = {}
        if isinstance(one, ast.Call):
            keywords = {keyword.arg: _expression(keyword.value) for keyword in one.keywords if keyword.arg}
            for name, value in zip(_DECORATED, one.args, strict=False):
                keywords.setdefault(name, _expression(value))
        # The annotation of the first parameter, where the decorator names no model.
        first = (node.args.posonlyargs or node.args.args)[:1]
        if first and first[0].annotation is not None:
            keywords.setdefault("params", _quoted(first[0].annotation))
        decorators.append((_dotted(one.func if isinstance(one, ast.Call) else one), keywords))
    return FunctionFacts(line=node.lineno, decorators=decorators, doc=_first_line(node.body))


def _expression(node: ast.expr) -> Expression:
    if type(node) is ast.Name:
        return {"name": node.id}
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return {"text": node.value}
        return {"is_none": True} if node.value is None else {}
    if isinstance(node, ast.Subscript):
        inner = node.slice
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        names = [one.value if isinstance(one, ast.Constant) and isinstance(one.value, str) else _dotted(one)
                 for one in parts]  # fmt: skip
        name = _dotted(node.value)
        return {"name": name, "arguments": names} if name else {}
    name = _dotted(node)
    return {"name": name} if name else {}


def _quoted(node: ast.expr) -> Expression:
    """Return a name that may be written as a text, as annotations may."""
    found = _expression(node)
    return {"name": found["text"]} if "text" in found else found


def _dotted(node: ast.expr) -> str:
    """Return a name with its attributes, ``a.b.C``; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join((node.id, *reversed(parts))) if parts else node.id


def _first_line(body: list[ast.stmt]) -> str:
    """Return the first line of the docstring that a body begins with."""
    if body and isinstance(body[0], ast.Expr):
        value = body[0].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value.strip().partition("\n")[0].strip()
    return ""
