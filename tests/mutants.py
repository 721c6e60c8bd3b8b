"""Change the kernel's code in one place at a time, and see whether a test notices: ``make mutants``.

The files are changed in a copy below ``.mutants``, never in place. What was found is kept there, so that a run which
was stopped goes on where it was; it begins anew when the code or the tests have changed.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".mutants"
TREE = FOLDER / "tree"
KERNEL = Path("kernel/plugbus/kernel")
# What these modules do is tested here; other modules are tested by everything that is fast.
SWAP_TESTS = ("test_leases", "test_swap_drains", "test_swap", "test_swap_faults", "test_interrupted_steps")
TESTS = {
    **dict.fromkeys(("retiring", "swapping"), SWAP_TESTS),
    "leases": (*SWAP_TESTS, "test_locator_scopes", "test_locator_lazy"),
}
SLOW = ("interrupts", "model", "properties", "storms", "threads", "leaks", "memory")
TIMEOUT_S = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Mutate each module that is named, one after the other; print what survived. Return 0 where nothing did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as leases; all where none is named")
    given = parser.parse_args(arguments)
    known = sorted(path.stem for path in (ROOT / KERNEL).glob("*.py") if path.stem != "__init__")
    unknown = [one for one in given.modules if one not in known]
    if unknown:
        parser.error(f"no such module: {', '.join(unknown)}; there are {', '.join(known)}")
    survivors = 0
    for module in given.modules or known:
        found = list(mutate(module))
        counts = Counter(outcome for outcome, _ in found)
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "nothing to change"
        print(f"{module}: {told}", flush=True)
        for outcome, place in found:
            if outcome == "survived":
                print(f"  {place}")
        survivors += counts["survived"]
    return 1 if survivors else 0


def mutate(module: str) -> Iterator[tuple[str, str]]:
    """Yield what became of each mutant of a module, and where it is."""
    names = TESTS.get(module) or tuple(
        path.stem
        for path in sorted((ROOT / "tests/kernel").glob("test_*.py"))
        if not any(one in path.stem for one in SLOW)
    )
    tests = [f"tests/kernel/{name}.py" for name in names]
    session = FOLDER / f"{module}-{copy_tree(module, tests)}.sqlite"
    config = FOLDER / f"{module}.toml"
    command = f"{sys.executable} -m pytest -q -x --no-header -p no:cacheprovider --timeout 20 {' '.join(tests)}"
    config.write_text(
        f'[cosmic-ray]\nmodule-path = ["{KERNEL / module}.py"]\ntimeout = {TIMEOUT_S}\nexcluded-modules = []\n'
        f'test-command = "{command}"\n[cosmic-ray.distributor]\nname = "local"\n'
        f"[cosmic-ray.filters.operators-filter]\nexclude-operators = {list(without_effect(module))}\n",
        encoding="utf-8",
    )
    if not session.exists():
        cosmic_ray("cosmic-ray", "init", str(config), str(session))
        cosmic_ray("cr-filter-operators", str(session), str(config))
    cosmic_ray("cosmic-ray", "exec", str(config), str(session))
    for line in cosmic_ray("cosmic-ray", "dump", str(session)).splitlines():
        work, result = json.loads(line)
        (mutation,) = work["mutations"]
        row, column = mutation["start_pos"]
        operator = mutation["operator_name"].removeprefix("core/")
        outcome = outcome_of(result)
        if outcome != "skipped":
            yield outcome, f"{module}.py:{row}:{column + 1} {operator} in {mutation['definition_name']}"


def without_effect(module: str) -> Iterator[str]:
    """Yield patterns of operators that change nothing: ``|`` where it is in annotations alone, which are text."""
    tree = ast.parse((ROOT / KERNEL / f"{module}.py").read_text(encoding="utf-8"))
    annotations = {
        part
        for node in ast.walk(tree)
        for one in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if one is not None
        for part in ast.walk(one)
    }
    if not any(
        isinstance(one, ast.BitOr)
        for node in ast.walk(tree)
        if node not in annotations
        for one in ast.iter_child_nodes(node)
    ):
        yield "core/ReplaceBinaryOperator_BitOr_.*"


def outcome_of(result: dict[str, Any] | None) -> str:
    """Say in one word what the tests did with a mutant."""
    if result is None:
        return "pending"
    return str(result["test_outcome"] or result["worker_outcome"]).split(".")[-1].lower()


def copy_tree(module: str, tests: Sequence[str]) -> str:
    """Copy what is needed to the place where it is changed; return a digest of the module and its tests."""
    shutil.rmtree(TREE, ignore_errors=True)
    shutil.copytree(ROOT / "kernel", TREE / "kernel", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests/kernel", TREE / "tests/kernel", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, TREE / name)
    digest = hashlib.sha256()
    for path in (KERNEL / f"{module}.py", *map(Path, tests)):
        digest.update((ROOT / path).read_bytes())
    return digest.hexdigest()[:12]


def cosmic_ray(program: str, *arguments: str) -> str:
    """Run a program of Cosmic Ray in the copy; its kernel comes before the installed one."""
    environment = {**os.environ, "PYTHONPATH": str(TREE / "kernel"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(Path(sys.executable).parent / program), *arguments]
    done = subprocess.run(command, cwd=TREE, env=environment, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - a program of this environment
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(main())
