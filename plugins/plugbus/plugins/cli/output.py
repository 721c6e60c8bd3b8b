"""Writing what a command found: JSON, or a table for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import rich_click as click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console

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
    console = stdout_console()
    console.print(table)


def write_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Write names with values to stdout, one a line."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for name, value in facts:
        grid.add_row(name, value)
    stdout_console().print(grid)


def stdout_console() -> Console:
    """Return a console for data: no markup is read in it, and lines are only folded on a terminal."""
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, emoji=False, width=10_000)
    return console


def say(text: str) -> None:
    """Tell the person something, on stderr."""
    click.echo(text, err=True)


def with_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json`` to a command."""
    decorated: Callable[..., Any] = json_option(command)
    return decorated
