"""Beside the Synapse SDK, from which the words come: each in its own interpreter, beside the same bare limit there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from .figures import median_of_ratios
from .rows import Row, Verdict, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .timing import Effort

ROOT: Final = Path(__file__).parents[1]
PEER_PYTHON: Final = ROOT / ".venv-bench-synapse" / "bin" / "python"
PEER: Final = "synapse-sdk"
BASE_NAMES: Final = {
    "execute": "model_validate + call",
    "orchestrate": "plain loop",
    "discover": "read and parse",
    "ui_schema": "model_json_schema",
}


def measure(effort: Effort) -> Iterator[Row]:
    """Run both sides, one after the other, and yield their rows; where the SDK can't be run, say why in its row."""
    if not PEER_PYTHON.exists():
        yield refusal(
            f"there is no {PEER_PYTHON.relative_to(ROOT)}; `make bench-synapse` needs Python 3.12 and a network"
        )
        return
    paths = os.pathsep.join((*os.environ.get("PYTHONPATH", "").split(os.pathsep), str(ROOT)))
    ours = run_side(Path(sys.executable), "plugbus", effort, paths)
    try:
        theirs = run_side(PEER_PYTHON, "synapse_sdk", effort, str(ROOT))
    except RuntimeError as error:
        yield refusal(str(error))
        return
    yield from rows(ours, theirs)


def refusal(why: str) -> Row:
    """Return the row of a comparison that could not be made."""
    return Row(suite="synapse", what=PEER, verdict=Verdict.NOT_RUN, is_peer=True, note=why)


def run_side(python: Path, side: str, effort: Effort, paths: str) -> list[dict[str, Any]]:
    """Measure one side in its interpreter, without the settings and the home of who runs this.

    Raises:
        RuntimeError: It can't be run.
    """
    command = [str(python), "-m", "benchmarks.synapse_sides", side, "quick" if effort.is_quick else "full"]
    with TemporaryDirectory(prefix="plugbus-bench-") as home:
        known = {"HOME": home, "PATH": os.environ.get("PATH", ""), "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(command, env=known, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise RuntimeError(f"cannot measure {side}: {last}")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def rows(ours: Iterable[Mapping[str, Any]], theirs: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """Yield a row of plugbus and one of the SDK for all that both did; ratios are compared, not times."""
    there = {(one["what"], one["size"]): one for one in theirs}
    for one in ours:
        mine = _row(one, one["what"], is_peer=False)
        yield mine
        found = _row(there[one["what"], one["size"]], PEER, is_peer=True)
        if found.verdict is Verdict.FAILED:
            yield found
        else:
            yield _row(there[one["what"], one["size"]], PEER, is_peer=True, verdict=standing(mine.ratio, found.ratio))


def _row(one: Mapping[str, Any], what: str, *, is_peer: bool, verdict: Verdict = Verdict.NONE) -> Row:
    if "failure" in one:
        note = one["failure"]
        return Row(suite="synapse", what=what, size=one["size"], verdict=Verdict.FAILED, is_peer=is_peer, note=note)
    samples, bases = tuple(one["samples"]), tuple(one["bases"])
    return Row(
        suite="synapse", what=what, size=one["size"], figure=sorted(samples)[len(samples) // 2],
        base=sorted(bases)[len(bases) // 2], base_name=BASE_NAMES[one["what"]], ratio=median_of_ratios(samples, bases),
        verdict=verdict, is_peer=is_peer, samples=samples, bases=bases,
    )  # fmt: skip
