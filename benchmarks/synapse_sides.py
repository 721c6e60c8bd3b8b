"""The same work for plugbus and for the Synapse SDK, each in an interpreter of its own; prints what it took as JSON.

``python -m benchmarks.synapse_sides plugbus|synapse_sdk full|quick``
"""

from __future__ import annotations

import ast
import io
import json
import sys
from contextlib import ExitStack, contextmanager, redirect_stdout
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from .materials import IMPORTS, params_of, write_actions
from .timing import FULL, QUICK, Statement, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .timing import Effort

SIZES: Final = {"execute": (4, 16, 64), "orchestrate": (10, 100), "discover": (10, 100), "ui_schema": (10, 100)}

_PLAIN_LOOP = """
results = []
for step in steps:
    if not step.can_skip(context):
        results.append(step.execute(context))
"""


class Plugbus:
    """How plugbus does it."""

    imports = IMPORTS

    def __init__(self) -> None:
        self.words: Any = import_module("plugbus.capabilities")
        self.base_action = self.words.BaseAction
        self.executor = import_module("plugbus.plugins.local_executor").LocalExecutor(env={"SIZE": "3"}, job_id="job")
        self.context = self.words.BaseStepContext
        self.discover = import_module("plugbus.loaders").scan_actions

    def ui_schema(self, model: Any) -> Any:
        """Return a form."""
        return self.words.ui_schema(self.words.params_schema(model))


class SynapseSdk:
    """How the Synapse SDK does it."""

    imports = "from synapse_sdk.plugins import BaseAction\nfrom synapse_sdk.plugins.types import Dataset, ModelWeights"

    def __init__(self) -> None:
        self.words: Any = import_module("synapse_sdk.plugins.steps")
        self.base_action = import_module("synapse_sdk.plugins").BaseAction
        executors = import_module("synapse_sdk.plugins.executors.local")
        self.executor = executors.LocalExecutor(env={"SIZE": "3"}, job_id="job")
        self.discover = import_module("synapse_sdk.plugins.discovery").PluginDiscovery.discover_actions
        self.ui_schema = import_module("synapse_sdk.plugins.utils").pydantic_to_ui_schema

    def context(self) -> Any:
        """Return the context of steps, with the logger that says nothing."""
        logger = import_module("synapse_sdk.loggers").NoOpLogger()
        context = import_module("synapse_sdk.plugins.context")
        return self.words.BaseStepContext(context.RuntimeContext(logger=logger, env=context.PluginEnvironment({})))


SIDES: Final[dict[str, type[Plugbus | SynapseSdk]]] = {"plugbus": Plugbus, "synapse_sdk": SynapseSdk}


def execute(side: Any, size: int) -> tuple[Statement, Statement]:
    """Run an action with so many parameters; what is printed goes nowhere."""
    model, given = params_of(size)

    base_action: Any = side.base_action

    class PlainAction(base_action[model]):  # type: ignore[misc] # a model that is known when it runs
        """Return a number."""

        def execute(self) -> int:
            return 1

    base = Statement("work(model.model_validate(given))", work=lambda params: 1, model=model, given=given)
    return base, Statement("run(action, given)", run=side.executor.execute, action=PlainAction, given=given)


def orchestrate(side: Any, size: int) -> tuple[Statement, Statement]:
    """Execute so many steps that do nothing, with a progress callback."""
    words = side.words
    base_step: Any = words.BaseStep

    class Quick(base_step):  # type: ignore[misc] # a class that is known when it runs
        def __init__(self, name: str) -> None:
            self._name = name

        @property
        def name(self) -> str:
            return self._name

        @property
        def progress_weight(self) -> float:
            return 1.0

        def execute(self, context: object) -> Any:
            return words.StepResult()

    registry = words.StepRegistry()
    steps = [Quick(f"step{place}") for place in range(size)]
    for step in steps:
        registry.register(step)
    base = Statement(_PLAIN_LOOP, steps=steps, context=side.context())
    run = "Orchestrator(registry, make(), report).execute()"
    names = {"Orchestrator": words.Orchestrator, "registry": registry, "make": side.context}
    return base, Statement(run, **names, report=lambda current, total: None)


def ui_schema(side: Any, size: int) -> tuple[Statement, Statement]:
    """Make the form of so many fields."""
    model, _ = params_of(size)
    base = Statement("model.model_json_schema()", model=model)
    return base, Statement("ui_schema(model)", ui_schema=side.ui_schema, model=model)


@contextmanager
def discover(side: Any, size: int) -> Iterator[tuple[Statement, Statement]]:
    """Search so many source files, each with an action."""
    with TemporaryDirectory(prefix="plugbus-bench-") as name:
        root = Path(name, f"plugin{size}")
        write_actions(root, size, side.imports)
        parse = "for path in paths: ast.parse(path.read_bytes())"
        base = Statement(parse, ast=ast, paths=sorted(root.rglob("*.py")))
        found = side.discover(root)
        assert len(getattr(found, "actions", found)) == size, "not every action was found"
        yield base, Statement("discover(root)", discover=side.discover, root=root)


def measure_side(side: Any, effort: Effort) -> list[dict[str, Any]]:
    """Return what everything took: name, size, samples and those of the bare limit beside them, or why it failed."""
    found: list[dict[str, Any]] = []
    for work in (execute, orchestrate, discover, ui_schema):
        for size in SIZES[work.__name__]:
            row: dict[str, Any] = {"what": work.__name__, "size": size}
            try:
                with ExitStack() as stack, redirect_stdout(io.StringIO()):
                    made: Any = work(side, size)
                    base, subject = made if isinstance(made, tuple) else stack.enter_context(made)
                    compared = compare(base, {"it": subject}, effort)
                for error in compared.failures.values():
                    raise error
                series = compared.series["it"][""]
                row |= {"samples": series.samples, "bases": series.bases}
            except Exception as error:  # noqa: BLE001 - told in the row
                row["failure"] = f"{type(error).__qualname__}: {error}"
            found.append(row)
    return found


if __name__ == "__main__":
    made = SIDES[sys.argv[1]]()
    print(json.dumps(measure_side(made, QUICK if sys.argv[2] == "quick" else FULL)))
