"""The result of a run: a table for people, JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Any

from .rows import Measure, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .rows import Budget, Row

COLUMNS = ("what", "size", "figure", "base", "ratio", "budget", "verdict")
RIGHT_ALIGNED = {"size", "figure", "ratio", "budget"}
_SCALES = {"s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")), "B": ((1e6, "MB"), (1e3, "kB"), (1.0, "B"))}


def in_unit(value: float, unit: str) -> str:
    """Write a value with three digits and the unit that suits it: ``1.77e-07, "s"`` as ``177 ns``."""
    kind, slash, per = unit.partition("/")
    for scale, name in _SCALES.get(kind, ()):
        if abs(value) >= scale or scale == _SCALES[kind][-1][0]:
            return f"{_digits(value / scale)} {name}{slash}{per}"
    return f"{value:.0f}" if value == int(value) else _digits(value)


def render(rows: Iterable[Row]) -> str:
    """Return the table. The lines of peers are indented below the line of plugbus that they belong to."""
    lines: list[Sequence[str]] = []
    suite = ""
    for row in rows:
        if row.suite != suite:
            suite = row.suite
            lines.append((f"[{suite}]", *[""] * (len(COLUMNS) - 1), ""))
        lines.append((*_cells(row), row.note))
    widths = [max(len(name), *(len(line[place]) for line in lines)) for place, name in enumerate(COLUMNS)]
    head = _line(COLUMNS, widths)
    return "\n".join([head, "-" * len(head), *(f"{_line(one, widths)}  {one[-1]}".rstrip() for one in lines)])


def summary(rows: Iterable[Row]) -> str:
    """Return one line for every budget that was missed, and one that counts."""
    judged = [row for row in rows if row.budget is not None and row.verdict is not Verdict.NOT_RUN]
    faults = [row for row in rows if row.is_fault]
    lines = [f"{row.verdict}: {_named(row)}: {_shown(row)}" for row in faults]
    kept = sum(row.verdict is Verdict.KEPT for row in judged)
    return "\n".join([*lines, f"{kept} of {len(judged)} budgets kept"])


def as_json(rows: Iterable[Row], machine: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Return everything that was measured, raw samples included."""
    document = {"machine": machine, "options": options, "rows": [asdict(row) for row in rows]}
    return json.dumps(document, indent=1, default=_plain, allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"cannot write {type(value).__qualname__} as JSON")


def _cells(row: Row) -> tuple[str, ...]:
    base = "" if row.base is None else f"{row.base_name} {in_unit(row.base, row.unit)}".strip()
    return (
        f"    {row.what}" if row.is_peer else f"  {row.what}",
        "" if row.size is None else f"{row.size:,}",
        "" if row.figure is None else in_unit(row.figure, row.unit),
        base,
        "" if row.ratio is None else f"{_digits(row.ratio)} x",
        "" if row.budget is None else f"<= {_limit(row.budget, row.unit)}",
        str(row.verdict),
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = (
        cell.rjust(width) if name in RIGHT_ALIGNED else cell.ljust(width)
        for cell, width, name in zip(cells, widths, COLUMNS, strict=False)
    )
    return "  ".join(aligned)


def _limit(budget: Budget, unit: str) -> str:
    return f"{budget.limit:g} x" if budget.of is Measure.RATIO else in_unit(budget.limit, unit)


def _named(row: Row) -> str:
    return f"{row.suite}: {row.what}" + ("" if row.size is None else f" ({row.size:,})")


def _shown(row: Row) -> str:
    if row.budget is None or row.verdict is Verdict.FAILED:
        return row.note or "nothing was measured"
    value = row.ratio if row.budget.of is Measure.RATIO else row.figure
    assert value is not None, "a missed budget was judged by a value"
    shown = f"{_digits(value)} x" if row.budget.of is Measure.RATIO else in_unit(value, row.unit)
    return f"{shown}, budget {_limit(row.budget, row.unit)}"


def _digits(value: float) -> str:
    """Write three digits, and no exponent."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
