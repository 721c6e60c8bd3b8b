"""Importing the kernel in a fresh process, beside a bare interpreter and other projects."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from .figures import median_of_ratios
from .rows import Budget, Measure, Row, Verdict, judge, standing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .timing import Effort

OURS = "plugbus.kernel"
NEAREST = "pluggy"
PEERS = (NEAREST, "blinker", "resolvelib", "pelix.framework", "stevedore", "svcs", "psygnal", "npe2")
ABSENT = ("asyncio", "packaging", "pydantic", "yaml")
MILLISECONDS = 0.040
TIMES_PLUGGY = 1.4

# What is imported late comes with the first use: until one plugin is loaded and one subscriber has heard one event.
OUR_FIRST_USE = """
from plugbus.kernel import Event, Kernel, Plugin, PluginMetadata
class Greeter(Plugin):
    metadata = PluginMetadata("greeter", "1.0.0")
kernel = Kernel()
kernel.register(Greeter())
kernel.load("greeter")
kernel.bus.subscribe("Greeted", lambda event: None)
kernel.bus.publish(Event.custom("Greeted"))
"""
NEAREST_FIRST_USE = """
import pluggy
class Specification:
    @pluggy.HookspecMarker("bench")
    def greeted(self, event): ...
class Greeter:
    @pluggy.HookimplMarker("bench")
    def greeted(self, event): ...
manager = pluggy.PluginManager("bench")
manager.add_hookspecs(Specification)
manager.register(Greeter())
manager.hook.greeted(event="Greeted")
"""


def measure(effort: Effort) -> Iterator[Row]:
    """Import each module in processes of its own, in turn."""
    rounds = effort.repeats if effort.is_quick else 2 * effort.repeats
    missing: dict[str, str] = {}
    for name in (OURS, *PEERS):  # also writes the bytecode, which the timed processes read
        try:
            import_cost(f"import {name}")
        except subprocess.CalledProcessError as error:
            missing[name] = error.stderr.strip().splitlines()[-1]
    timed = [name for name in (OURS, *PEERS) if name not in missing]
    bare: list[float] = []
    costs: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        start = import_cost("pass")
        bare.append(start)
        for name in timed:
            costs[name].append(import_cost(f"import {name}") - start)
    yield from rows(bare, costs, missing)
    if not missing.keys() & {OURS, NEAREST}:
        pairs = [(import_cost(OUR_FIRST_USE), import_cost(NEAREST_FIRST_USE)) for _ in range(rounds + 1)][1:]
        start = median(bare)
        yield first_use_row([ours - start for ours, _ in pairs], [theirs - start for _, theirs in pairs])
    yield absence_row(loaded_modules(f"import {OURS}") - loaded_modules("pass"))


def import_cost(statement: str) -> float:
    """Return the CPU seconds of a fresh interpreter from its start to the end of a statement.

    Raises:
        subprocess.CalledProcessError: The statement raised.
    """
    return float(_run(f"import time\n{statement}\nprint(time.process_time())"))


def loaded_modules(statement: str) -> set[str]:
    """Return the names of the modules that are there after a statement in a fresh interpreter."""
    return set(_run(f"{statement}\nimport sys\nprint(*sys.modules)").split())


def rows(bare: Sequence[float], costs: Mapping[str, Sequence[float]], missing: Mapping[str, str]) -> Iterator[Row]:
    """Yield what follows from the samples.

    Args:
        bare: CPU seconds of the bare interpreter, round by round.
        costs: Module to the CPU seconds that its import adds to that, round by round.
        missing: Module to why it could not be imported.
    """
    suite, what = "imports", f"import {OURS}, over bare python"
    if OURS in missing:
        yield Row(suite=suite, what=what, verdict=Verdict.FAILED, note=missing[OURS])
        return
    ours = tuple(costs[OURS])
    start = median(bare)
    yield judge(
        Row(
            suite=suite, what=what, figure=median(ours), base=start, base_name="python -c pass",
            ratio=median_of_ratios(ours, bare), budget=Budget(limit=MILLISECONDS, of=Measure.FIGURE),
            samples=ours, bases=tuple(bare),
        )
    )  # fmt: skip
    what = f"import {OURS}, beside {NEAREST}"
    if NEAREST in missing:
        yield Row(suite=suite, what=what, verdict=Verdict.NOT_RUN, note=missing[NEAREST])
    else:
        theirs = tuple(costs[NEAREST])
        yield judge(
            Row(
                suite=suite, what=what, figure=median(ours), base=median(theirs), base_name=NEAREST,
                ratio=median_of_ratios(ours, theirs), budget=Budget(limit=TIMES_PLUGGY), samples=ours, bases=theirs,
            )
        )  # fmt: skip
    for name in PEERS:
        if name in missing:
            yield Row(suite=suite, what=name, is_peer=True, verdict=Verdict.NOT_RUN, note=missing[name])
            continue
        theirs = tuple(costs[name])
        yield Row(
            suite=suite, what=name, figure=median(theirs), base=start, base_name="python -c pass",
            ratio=median_of_ratios(theirs, bare), is_peer=True, verdict=standing(median(ours), median(theirs)),
            samples=theirs, bases=tuple(bare),
        )  # fmt: skip


def first_use_row(ours: Sequence[float], theirs: Sequence[float]) -> Row:
    """Return the row of the first use, over a bare interpreter, beside that of the nearest peer; it has no budget."""
    return Row(
        suite="imports", what=f"import and first use, beside {NEAREST}", figure=median(ours), base=median(theirs),
        base_name=NEAREST, ratio=median_of_ratios(ours, theirs), samples=tuple(ours), bases=tuple(theirs),
        note="one plugin loaded, one subscriber called",
    )  # fmt: skip


def absence_row(added: set[str]) -> Row:
    """Return the row that says whether the import stays clear of what it must not bring in."""
    found = [name for name in ABSENT if name in added]
    note = f"brings in {', '.join(found)}" if found else f"none of {', '.join(ABSENT)}"
    budget = Budget(limit=0, of=Measure.FIGURE)
    what = "heavy modules that it brings in"
    return judge(Row(suite="imports", what=what, unit="", figure=float(len(found)), budget=budget, note=note))


def _run(program: str) -> str:
    found = find_spec(OURS)
    if found is not None and found.origin is not None:
        # The isolated process imports what this one does, also where that is no installed one.
        program = f"import sys\nsys.path.insert(0, {str(Path(found.origin).parents[2])!r})\n{program}"
    done = subprocess.run(  # noqa: S603 - the interpreter that runs this, with text from this module
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout
