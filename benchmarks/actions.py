"""Running actions in this process, beside a bare validation of the parameters and a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from plugbus.capabilities import ActionCall, ActionPolicy, BaseAction
from plugbus.kernel import EventBus
from plugbus.plugins.local_executor import LocalExecutor

from .materials import params_of
from .rows import Budget, Row, judge
from .timing import Statement, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .timing import Effort

SIZES = (4, 16, 64)
BUDGET: Final = 2.5

BARE = "work(Model.model_validate(given))"


class TrainResult(BaseModel):
    """What an action with a result model returns."""

    weights_path: str
    final_loss: float
    best_map: float


def plain_work(params: object) -> int:
    """Return nothing that has to be validated."""
    return 1


def modelled_work(params: object) -> TrainResult:
    """Return a model."""
    return TrainResult(weights_path="best.pt", final_loss=0.25, best_map=0.5)


def measure(effort: Effort) -> Iterator[Row]:
    """Run an action with parameters of 4, 16 and 64 fields, without and with a result model."""
    for size in SIZES:
        yield from _rows(size, effort, "result is free", plain_work)
        yield from _rows(size, effort, "result has a model", modelled_work)


def _rows(size: int, effort: Effort, told: str, work: Any) -> Iterator[Row]:
    model, given = params_of(size)
    action = action_of(model, work)
    bus = EventBus()
    subjects = {
        "execute": Statement("execute(action, given)", execute=LocalExecutor().execute, action=action, given=given),
        "run_here": Statement("make(action, given).run_here()", make=ActionCall, action=action, given=given),
        "execute with settings and a job": Statement(
            "execute(action, given)",
            execute=LocalExecutor(env={"HOST": "example.org"}, job_id="job").execute, action=action, given=given,
        ),
        "execute with events on a bus": Statement(
            "execute(action, given)", execute=LocalExecutor(publish=bus.publish).execute, action=action, given=given
        ),
        "submit": Statement(
            "submit(ActionCall(action, given)).result()",
            submit=LocalExecutor().submit, ActionCall=ActionCall, action=action, given=given,
        ),
        "execute with a policy": Statement(
            "execute(action, given, policy=policy)",
            execute=LocalExecutor().execute, action=action, given=given, policy=ActionPolicy(),
        ),
    }  # fmt: skip
    base = Statement(BARE, work=work, Model=model, given=given)
    found = compare(base, subjects, effort)
    for what in subjects:
        series = found.series[what][""]
        yield judge(
            Row(
                suite="actions", what=f"{what}, {told}", size=size, unit="s", figure=series.figure, base=series.base,
                base_name="model_validate + call", ratio=series.ratio,
                budget=Budget(limit=BUDGET) if what in {"execute", "run_here"} else None,
                samples=series.samples, bases=series.bases,
            )
        )  # fmt: skip


def action_of(model: type[BaseModel], work: Any) -> type[BaseAction[Any]]:
    """Return an action that does the work."""
    base: Any = BaseAction

    class BenchmarkAction(base[model]):  # type: ignore[misc] # a model that is known when it runs
        """Do the work that the base does too."""

        def execute(self) -> object:
            """Do it."""
            return work(self.params)

    if work is modelled_work:
        BenchmarkAction.result_model = TrainResult
    found: type[BaseAction[Any]] = BenchmarkAction
    return found
