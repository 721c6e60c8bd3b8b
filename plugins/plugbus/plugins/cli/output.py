"""Writing what a command found: JSON, or a table for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import rich_click as click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import RenderableType
    from rich.tree import Tree

    from plugbus.loaders import Fault

json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


def write_json(value: Any) -> None:
    """Write a value as JSON to stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to stdout; as wide as it needs to be where that is no terminal, so that nothing is cut off."""
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for row in rows:
        table.add_row(*row)
    _write(table)


def write_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Write names with values to stdout, one a line."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for name, value in facts:
        grid.add_row(name, value)
    _write(grid)


def write_tree(tree: Tree) -> None:
    """Write a tree to stdout."""
    _write(tree)


def value_text(value: Any) -> str:
    """Return JSON data as people read it: numbers rounded, lists by commas, ``-`` for nothing."""
    if value is None or value in ([], {}, ""):
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(value_text(one) for one in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def say(text: str) -> None:
    """Tell the person something, on stderr."""
    click.echo(text, err=True)


def _write(shown: RenderableType) -> None:
    """Write to stdout; no markup is read in data. Only a terminal has lines that are folded, and padded."""
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    if console.is_terminal:
        console.print(shown)
        return
    console = Console(markup=False, highlight=False, emoji=False, width=10_000)
    with console.capture() as captured:
        console.print(shown)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def fault_facts(fault: Fault) -> dict[str, Any]:
    """Return a fault as JSON has it: ``source``, ``line`` and ``column`` from 1 on or null, ``text``."""
    place = fault.position
    return {
        "source": fault.source,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "text": fault.text,
    }


def with_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json`` to a command."""
    decorated: Callable[..., Any] = json_option(command)
    return decorated
