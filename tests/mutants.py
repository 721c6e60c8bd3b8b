"""Change the kernel's code in one place at a time, and see whether a test notices: ``make mutants``.

No file is changed: each mutant is run in a process of its own, which is given the changed code in place of the
module's. It asks the tests of the module first, and all other fast tests of the kernel only where these notice nothing.
What was found is kept below ``.mutants``, so that a run which was stopped goes on where it was; it begins anew when the
module or the tests have changed.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib
import json
import os
import random
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from changed_code import ROOT, preload, run_changed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FOLDER = ROOT / ".mutants"
PACKAGE = "plugbus.kernel"
KERNEL = ROOT / "kernel/plugbus/kernel"
# Which tests are asked first. Any others are asked after them, so that what is missing here costs time alone.
SWAPS = ("swap", "swap_drains", "swap_faults", "interrupted_steps", "leases")
CHANGES = ("kernel", "kernel_reentrancy", "interrupted_steps", "loading_faults")
SERVICES = ("locator", "locator_scopes", "locator_lazy", "locator_waiting", "locator_health", "locator_watching")
BUS = ("bus", "bus_order", "bus_failures", "bus_subscriptions", "bus_causes", "bus_timings", "bus_unrolled")
NEEDS = ("resolver", "versions", "kernel")
FIRST: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("swapping", "retiring", "leases"), SWAPS),
    **dict.fromkeys(("transitions", "uses", "leaving", "claims"), (*CHANGES, "swap", "swap_drains")),
    **dict.fromkeys(("loading", "unloading", "departing", "lifecycle"), CHANGES),
    **dict.fromkeys(("locator", "table", "offers", "handles", "precedence", "instances", "scopes"), SERVICES),
    **dict.fromkeys(("bus", "routing", "routes", "ordering", "subscriptions"), BUS),
    **dict.fromkeys(("resolver", "greedy", "search", "candidates", "planning"), NEEDS),
    **dict.fromkeys(("ranges", "versions"), ("versions", "resolver")),
    "registry": ("registry", *CHANGES),
}
SLOW = ("interrupts", "model", "properties", "storm", "threads", "leaks", "memory", "proof", "unload_check", "reload")
# What is compared by identity has no equality of its own, nearly everywhere.
ALIKE = ("Is_Eq", "IsNot_NotEq")
TIMEOUT_S = 120.0
FLAGS = ("-q", "-x", "--tb=no", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
HUNG_S = 20


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a module.

    Args:
        place: Row and column, from 1.
        operator: What Cosmic Ray calls the change.
        code: The module's text with the change.
    """

    place: str
    operator: str
    code: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant.

    Args:
        place: As in the mutant.
        operator: As in the mutant.
        line: The changed line.
        outcome: ``killed`` or ``survived``; ``hung`` where the tests did not end, which is noticed too.
        by: The first test that noticed.
    """

    place: str
    operator: str
    line: str
    outcome: str
    by: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Mutate each module that is named, one after the other; print what survived. Return 0 where nothing did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as leases; all where none is named")
    parser.add_argument("--most", type=int, default=0, metavar="N", help="run N mutants of each, taken by chance")
    parser.add_argument("--seed", type=int, default=0, help="another seed takes others")
    given = parser.parse_args(arguments)
    known = sorted(path.stem for path in KERNEL.glob("*.py") if path.stem != "__init__")
    unknown = [one for one in given.modules if one not in known]
    if unknown:
        parser.error(f"no such module: {', '.join(unknown)}; there are {', '.join(known)}")
    preload()
    failed = run_changed({}, [*FLAGS, *(f"tests/kernel/test_{name}.py" for name in fast_tests())], 10 * TIMEOUT_S)
    if failed is None or failed:
        parser.exit(2, f"the tests fail without any change: {failed}\n")
    survivors = 0
    for module in given.modules or known:
        mutants = list(mutants_of((KERNEL / f"{module}.py").read_text(encoding="utf-8")))
        chosen = mutants
        if 0 < given.most < len(mutants):
            random.Random(given.seed).shuffle(mutants)  # so that more of them are those and others
            chosen = mutants[: given.most]
        found = list(judge(module, chosen))
        counts = Counter(one.outcome for one in found)
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "nothing to change"
        print(f"{module}: {len(found)} of {len(mutants)}: {told}", flush=True)
        for one in found:
            if one.outcome == "survived":
                print(f"  {module}.py:{one.place} {one.operator}: {one.line}", flush=True)
        survivors += counts["survived"]
    return 1 if survivors else 0


def mutants_of(code: str) -> Iterator[Mutant]:
    """Yield the changes of a module that change what it does: not those of annotations, which are text."""
    # By name: it is not where the types are checked.
    plugins, mutating = map(importlib.import_module, ("cosmic_ray.plugins", "cosmic_ray.mutating"))
    before, lines, seen = _essence(code), code.splitlines(), set[str]()
    for operator in sorted(plugins.operator_names()):
        make = plugins.get_operator(operator)
        if make.arguments() or operator.endswith(ALIKE):
            continue
        occurrence = 0
        while (changed := mutating.mutate_code(code, make(), occurrence)) is not None:
            occurrence += 1
            essence = _essence(changed)
            if essence and essence != before and essence not in seen:
                seen.add(essence)
                yield Mutant(_place_of(lines, changed.splitlines()), operator.removeprefix("core/"), changed)


def _place_of(before: Sequence[str], after: Sequence[str]) -> str:
    for row, (one, other) in enumerate(zip(before, after, strict=False), 1):
        if one != other:
            alike = (place for place, pair in enumerate(zip(one, other, strict=False), 1) if pair[0] != pair[1])
            return f"{row}:{next(alike, min(len(one), len(other)) + 1)}"
    return f"{len(before)}:1"


class _Bare(ast.NodeTransformer):
    """Take off what has no effect: annotations, and what is imported for type checkers alone."""

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        # "*" and "/" only say how arguments may be given.
        node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
        node.posonlyargs, node.kwonlyargs = [], []
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        if [ast.dump(one) for one in node.body] == [ast.dump(ast.Expr(ast.Constant(...)))]:
            return None  # an overload, or a shape
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(0)
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        names = {one.id for one in ast.walk(node.test) if isinstance(one, ast.Name)}
        return None if "TYPE_CHECKING" in names else self.generic_visit(node)


def _essence(code: str) -> str:
    try:
        return ast.dump(_Bare().visit(ast.parse(code)))
    except SyntaxError:
        return ""


def fast_tests() -> list[str]:
    """Return the names of the kernel's tests that are asked: all but those that take long."""
    names = (path.stem.removeprefix("test_") for path in (ROOT / "tests/kernel").glob("test_*.py"))
    return sorted(name for name in names if not any(one in name for one in SLOW))


def judge(module: str, mutants: Sequence[Mutant]) -> Iterator[Verdict]:
    """Yield what became of each mutant of a module."""
    fast = fast_tests()
    first = [one for one in FIRST.get(module, ()) if one in fast]
    rest = [one for one in fast if one not in first]
    kept = FOLDER / f"{module}-{_digest(module)}.jsonl"
    FOLDER.mkdir(exist_ok=True)
    known: dict[tuple[str, str], Verdict] = {}
    if kept.exists():
        for line in kept.read_text(encoding="utf-8").splitlines():
            verdict = Verdict(**json.loads(line))
            known[verdict.place, verdict.operator] = verdict
    for mutant in mutants:
        verdict = known.get((mutant.place, mutant.operator)) or _judge_one(module, mutant, first, rest)
        if (mutant.place, mutant.operator) not in known:
            with kept.open("a", encoding="utf-8") as out:
                out.write(json.dumps(asdict(verdict)) + "\n")
        yield verdict


def _judge_one(module: str, mutant: Mutant, *groups: Sequence[str]) -> Verdict:
    line = mutant.code.splitlines()[int(mutant.place.partition(":")[0]) - 1].strip()
    for names in groups:
        if names:
            tests = [f"tests/kernel/test_{name}.py" for name in names]
            failed = run_changed(
                {f"{PACKAGE}.{module}": mutant.code}, [*FLAGS, f"--timeout={HUNG_S}", *tests], TIMEOUT_S
            )
            if failed is None:
                return Verdict(mutant.place, mutant.operator, line, "hung")
            if failed:
                return Verdict(mutant.place, mutant.operator, line, "killed", failed[0])
    return Verdict(mutant.place, mutant.operator, line, "survived")


def _digest(module: str) -> str:
    digest = hashlib.sha256()
    for path in (KERNEL / f"{module}.py", *sorted((ROOT / "tests/kernel").glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    os.chdir(ROOT)
    raise SystemExit(main())
