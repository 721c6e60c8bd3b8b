"""The command: run the suites, print one table, keep the raw samples, and fail when a budget was missed."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from .machine import machine_facts
from .report import as_json, render, summary
from .rows import Row, Verdict
from .timing import FULL, QUICK, Effort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

SUITES = ("imports", "bus", "services", "resolving", "loading", "steps", "actions", "discovery", "forms", "memory")
OPTIONAL = ("synapse",)  # run when they are asked for
RESULT = Path(__file__).parent / "results" / "latest.json"

LEGEND = (
    "CPU time: medians; a ratio is the median over pairs of a sample and the base timed around it. "
    "Peers: plugbus is ahead of, level with, or behind them."
)


def main(arguments: Sequence[str] | None = None, *, suites: Sequence[str] = SUITES, result: Path = RESULT) -> int:
    """Run the suites; return 1 when a budget was missed or a measurement of plugbus failed, else 0.

    Args:
        arguments: Of the command line; those of the process if not given.
        suites: The modules of this package that may be run.
        result: The file that is written.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = (*suites, *OPTIONAL)
    parser.add_argument("--only", choices=names, action="append", metavar="NAME", help=" | ".join(names))
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer repeats: a look in passing")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    options = parser.parse_args(arguments)
    effort = QUICK if options.quick else FULL
    facts = machine_facts()
    start = monotonic()
    rows = list(run(options.only or suites, effort))
    facts["seconds"] = round(monotonic() - start, 1)
    document = as_json(rows, facts, {"only": options.only, "quick": options.quick})
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(document + "\n", encoding="utf-8")
    if options.json:
        print(document)
    else:
        print("\n".join((render(rows), "", LEGEND, "", summary(rows))))
    return 1 if any(row.is_fault for row in rows) else 0


def run(names: Iterable[str], effort: Effort) -> Iterator[Row]:
    """Yield the rows of some suites. One that fails is a row, and the next one is run all the same."""
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr)
        try:
            measure: Callable[[Effort], Iterable[Row]] = import_module(f".{name}", __package__).measure
            yield from measure(effort)
        except Exception as error:  # noqa: BLE001 - told in the table, which is printed whole
            note = f"{type(error).__qualname__}: {error}"
            yield Row(suite=name, what=name, verdict=Verdict.FAILED, note=note)


if __name__ == "__main__":
    sys.exit(main())
