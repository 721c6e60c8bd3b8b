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
from .rows import Budget, Measure, Row, judge
from .timing import Statement, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .timing import Effort

SIZES = (10, 100, 1_000)
COLD, WARM = "without a cache", "with a cache of unchanged files"
LIMITS = {COLD: 1.4, WARM: 0.1}

PARSE = "for path in paths: ast.parse(path.read_bytes())"

_SOURCE = '''"""Actions of part {number}."""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import BaseModel, Field

from plugbus.capabilities import BaseAction, Dataset, ModelWeights


class Params{number}(BaseModel):
    """What the work of part {number} is given."""

    epochs: int = Field(default=10, ge=1, le=1000, description="How often.")
    rate: float = Field(default=0.1, gt=0)
    names: list[str] = Field(default_factory=list)


class Result{number}(BaseModel):
    """What comes out of it."""

    loss: float
    path: Path


class Part{number}Action(BaseAction[Params{number}]):
    """Do the work of part {number}."""

    action_name = "part_{number}"
    input_type = Dataset
    output_type = ModelWeights
    result_model = Result{number}

    def execute(self) -> Result{number}:
        loss = 1.0
        for epoch in range(self.params.epochs):
            loss = self._step(loss, epoch)
            self.set_progress(epoch + 1, self.params.epochs)
            if loss < 1e-6 or math.isnan(loss):
                break
        path = Path("weights") / "{number}.bin"
        path.write_bytes(b"".join(name.encode() for name in self.params.names))
        return Result{number}(loss=loss, path=path)

    def _step(self, loss: float, epoch: int) -> float:
        rate = self.params.rate / (1 + epoch)
        terms = [loss * rate ** power / math.factorial(power) for power in range(1, 8)]
        return max(0.0, loss - sum(term for term in terms if term > 0))
'''


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
        for number in range(size):
            part = root / f"part{number // 50}"
            part.mkdir(parents=True, exist_ok=True)
            (part / f"work{number}.py").write_text(_SOURCE.replace("{number}", str(number)), encoding="utf-8")
        sleep(0.2)  # a file that was written just now is read again, as its time may not tell another change
        found = scan_actions(root, cache=cache)
        assert len(found.actions) == size
        assert scan_actions(root, cache=cache).parsed == 0
        yield root, cache
