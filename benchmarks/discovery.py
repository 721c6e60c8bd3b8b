"""Finding the actions of a folder by its source, beside parsing the same files."""

from __future__ import annotations

import ast
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import TYPE_CHECKING

from plugbus.loaders import scan_actions

from .contest import LINEAR, growth_row
from .materials import write_actions
from .rows import Budget, Measure, Row, judge
from .timing import Statement, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .timing import Effort

SIZES = (10, 100, 1_000)
COLD, WARM = "without a cache", "with a cache of unchanged files"
LIMITS = {COLD: 1.4, WARM: 0.1}

PARSE = "for path in paths: ast.parse(path.read_bytes())"


def measure(effort: Effort) -> Iterator[Row]:
    """Search folders of 10, 100 and 1,000 source files, each with a model, a result and an action."""
    rows: list[Row] = []
    for size in SIZES:
        with _folder(size) as (root, cache):
            paths = sorted(root.rglob("*.py"))
            ways = {
                COLD: Statement("scan_actions(root)", scan_actions=scan_actions, root=root),
                WARM: Statement("scan_actions(root, cache=cache)", scan_actions=scan_actions, root=root, cache=cache),
            }
            found = compare(Statement(PARSE, ast=ast, paths=paths), ways, effort)
        for what, limit in LIMITS.items():
            series = found.series[what][""]
            row = judge(
                Row(
                    suite="discovery", what=what, size=size, unit="s/file", figure=series.figure / size,
                    base=series.base / size, base_name="read and parse", ratio=series.ratio, budget=Budget(limit=limit),
                    samples=tuple(one / size for one in series.samples),
                    bases=tuple(one / size for one in series.bases),
                )
            )  # fmt: skip
            rows.append(row)
            yield row
    for what in LIMITS:
        grown = growth_row([row for row in rows if row.what == what], what, is_per_item=True)
        yield judge(replace(grown, suite="discovery", budget=Budget(limit=LINEAR, of=Measure.FIGURE)))


@contextmanager
def _folder(size: int) -> Iterator[tuple[Path, Path]]:
    """Yield a folder of source files, and a cache that knows them."""
    with TemporaryDirectory(prefix="plugbus-bench-") as name:
        root, cache = Path(name, "plugin"), Path(name, "cache")
        write_actions(root, size)
        sleep(0.2)  # a file that was written just now is read again, as its time may not tell another change
        found = scan_actions(root, cache=cache)
        assert len(found.actions) == size
        assert scan_actions(root, cache=cache).parsed == 0
        yield root, cache
