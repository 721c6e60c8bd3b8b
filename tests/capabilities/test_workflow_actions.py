"""Actions whose work is a workflow of steps: their context, their result, their checkpoints."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field

from plugbus.capabilities import (
    ActionCall,
    ActionDefinitionError,
    ActionFailed,
    AsyncStepError,
    BaseStep,
    CancellationToken,
    NoResult,
    ProgressReported,
    ResultError,
    RuntimeContext,
    StepFailedError,
    StepRegistry,
    StepResult,
    StepsChangedError,
    WorkCancelledError,
    WorkflowAction,
    WorkflowContext,
    validate_params,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugbus.kernel import Event


class Params(BaseModel):
    words: list[str] = Field(default_factory=lambda: ["a", "b"])
    fail_at: str = ""


@dataclass(kw_only=True)
class WordsContext(WorkflowContext):
    said: list[str] = field(default_factory=list)


class SayStep(BaseStep[WordsContext]):
    def __init__(self, name: str, weight: float = 1.0) -> None:
        self._name = name
        self._weight = weight

    @property
    def name(self) -> str:
        return self._name

    @property
    def progress_weight(self) -> float:
        return self._weight

    def execute(self, context: WordsContext) -> StepResult:
        if context.params.fail_at == self._name:
            raise ConnectionError(f"{self._name} is mute")
        context.said.append(self._name)
        return StepResult(data={f"{self._name}_length": len(self._name)})

    def rollback(self, context: WordsContext, result: StepResult) -> None:
        context.said.remove(self._name)


class SayAction(WorkflowAction[Params, WordsContext]):
    action_name = "say"
    context_class = WordsContext

    def setup_steps(self, registry: StepRegistry[WordsContext]) -> None:
        for number, word in enumerate(self.params.words, 1):
            registry.register(SayStep(word, number))


def run(action_cls: type[WorkflowAction[Any, Any]], heard: list[Event] | None = None, **params: Any) -> Any:
    return ActionCall(action_cls, params, job_id="job-1").run_here((heard if heard is not None else []).append)


def test_parameters_come_from_the_first_of_the_two_generic_arguments() -> None:
    assert validate_params(SayAction, {}) == Params()


def test_steps_are_executed_in_order_and_counted() -> None:
    assert run(SayAction) == {"success": True, "steps_executed": 2, "steps_total": 2}


def test_progress_of_the_job_follows_the_weights_of_the_steps() -> None:
    heard: list[Event] = []
    run(SayAction, heard, words=["a", "b", "c"])
    overall = [one.current for one in heard if isinstance(one, ProgressReported) and one.category is None]
    assert overall == [16, 50, 100]


def test_steps_find_parameters_and_the_action_in_their_context() -> None:
    action = SayAction(Params(), RuntimeContext())
    action.execute()
    assert action.context.params is action.params
    assert action.context.action is action
    assert action.context.runtime_ctx is action.ctx
    assert action.context.said == ["a", "b"]


def test_a_context_that_is_prepared_before_is_the_one_that_is_used_once() -> None:
    action = SayAction(Params(), RuntimeContext())
    prepared = action.context
    prepared.said.append("before")
    action.execute()
    assert action.context is prepared
    assert prepared.said == ["before", "a", "b"]
    action.execute()
    assert action.context is not prepared
    assert action.context.said == ["a", "b"]


def test_an_override_of_execute_goes_on_with_what_the_steps_came_to() -> None:
    class Counting(SayAction):
        def execute(self) -> dict[str, Any]:
            return {**super().execute(), "said": len(self.context.said)}

    assert run(Counting)["said"] == 2


def test_an_override_of_execute_alone_needs_no_steps() -> None:
    class Plain(WorkflowAction[Params, WordsContext]):
        def execute(self) -> int:
            return 7

    assert run(Plain) == 7


def test_an_action_without_steps_says_what_to_write() -> None:
    class Empty(WorkflowAction[Params, WordsContext]):
        action_name = "empty"

    with pytest.raises(ActionDefinitionError, match="cannot use action 'empty': it has no steps; register some"):
        run(Empty)


def test_a_failure_is_typed_keeps_its_cause_and_undoes_what_was_done() -> None:
    action = SayAction(Params(fail_at="b"), RuntimeContext())
    with pytest.raises(StepFailedError, match="Step 'b' failed: b is mute") as failed:
        action.execute()
    assert isinstance(failed.value.__cause__, ConnectionError)
    assert action.context.said == []


def test_a_failure_of_a_step_is_the_failure_of_the_job() -> None:
    heard: list[Event] = []
    with pytest.raises(StepFailedError):
        run(SayAction, heard, fail_at="a")
    (failed,) = [one for one in heard if isinstance(one, ActionFailed)]
    assert isinstance(failed.error, StepFailedError)


def test_cancellation_undoes_what_was_done_and_is_raised_as_it_is() -> None:
    token = CancellationToken()

    class Stopping(SayAction):
        def setup_steps(self, registry: StepRegistry[WordsContext]) -> None:
            super().setup_steps(registry)
            registry.insert_after("a", StopStep("stop"))

    class StopStep(SayStep):
        def execute(self, context: WordsContext) -> StepResult:
            token.cancel("enough")
            return super().execute(context)

    action = Stopping(Params(), RuntimeContext(cancellation=token))
    with pytest.raises(WorkCancelledError, match="enough"):
        action.execute()
    assert action.context.said == []


class Told(SayAction):
    own: ClassVar[Any] = None

    def facts(self, context: WordsContext) -> Mapping[str, Any]:
        return {"said": len(context.said), "mood": "calm"}

    def setup_steps(self, registry: StepRegistry[WordsContext]) -> None:
        super().setup_steps(registry)
        self.context.result = self.own


def test_a_mapping_as_result_is_completed_and_counts_above_the_facts() -> None:
    class Mine(Told):
        own: ClassVar[Any] = {"mood": "wild", "mine": 1}

    expected = {"success": True, "steps_executed": 2, "steps_total": 2, "said": 2, "mood": "wild", "mine": 1}
    assert run(Mine) == expected


@pytest.mark.parametrize("own", [5, "text", (1, 2), Params()])
def test_any_other_result_is_left_as_it_is(own: object) -> None:
    assert run(type("Mine", (Told,), {"own": own})) is own


class Saying(BaseModel):
    model_config = ConfigDict(extra="forbid")

    said: int
    tone: str = Field(alias="mood")
    b_length: int
    mine: str = "nothing"


def test_a_result_model_is_given_those_of_its_fields_that_are_known() -> None:
    class Mine(Told):
        own: ClassVar[Any] = {"mine": "my own"}
        result_model: ClassVar[type[BaseModel] | type[NoResult]] = Saying

    assert run(Mine) == Saying(said=2, mood="calm", b_length=1, mine="my own")


def test_a_result_that_does_not_fit_its_model_is_an_error_that_keeps_it() -> None:
    class Mine(Told):
        own: ClassVar[Any] = {"mood": 5}
        result_model: ClassVar[type[BaseModel] | type[NoResult]] = Saying

    with pytest.raises(ResultError, match="mood") as refused:
        run(Mine)
    assert refused.value.result["mood"] == 5


class Torn(BaseException):
    """What ends the work from outside, as Ctrl-C does."""


class LaterStep(SayStep):
    is_torn = True

    def execute(self, context: WordsContext) -> StepResult:
        if self.is_torn:
            raise Torn
        return super().execute(context)


class Resuming(SayAction):
    def setup_steps(self, registry: StepRegistry[WordsContext]) -> None:
        super().setup_steps(registry)
        registry.register(LaterStep("later"))


def resuming(folder: Path, **params: Any) -> Resuming:
    ctx = RuntimeContext(job_id="runs/7", env={"PLUGBUS_WORK_FOLDER": str(folder)})
    return Resuming(Params(**params), ctx)


def checkpoint_after(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave the checkpoint that the end of the process leaves: written after the last step that was done."""
    action = resuming(folder)
    store = action.make_checkpoints()
    assert store is not None
    path = Path(str(store))
    kept: list[str] = []

    def tear(self: LaterStep, context: WordsContext) -> StepResult:
        kept.append(path.read_text("utf-8"))
        raise Torn

    with monkeypatch.context() as patch:
        patch.setattr(LaterStep, "execute", tear)
        with pytest.raises(Torn):
            action.execute()
    assert not path.exists(), "a rollback that came to its end leaves nothing"
    path.write_text(kept[0], "utf-8")
    return path


def test_a_job_that_is_started_again_goes_on_after_the_last_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = checkpoint_after(tmp_path, monkeypatch)
    monkeypatch.setattr(LaterStep, "is_torn", False)
    again = resuming(tmp_path)
    assert again.execute() == {"success": True, "steps_executed": 1, "steps_total": 3, "steps_resumed": 2}
    assert again.context.said == ["a", "b", "later"]
    assert not path.exists()


def test_a_job_that_is_started_again_with_other_steps_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_after(tmp_path, monkeypatch)
    with pytest.raises(StepsChangedError, match="'c' is new"):
        resuming(tmp_path, words=["a", "b", "c"]).execute()


@pytest.mark.parametrize(("job_id", "env"), [(None, {"PLUGBUS_WORK_FOLDER": "here"}), ("job", {})])
def test_no_checkpoint_is_kept_where_the_job_or_the_folder_is_not_known(
    job_id: str | None, env: dict[str, str]
) -> None:
    assert SayAction(Params(), RuntimeContext(job_id=job_id, env=env)).make_checkpoints() is None


def test_checkpoints_of_different_jobs_are_different_files(tmp_path: Path) -> None:
    jobs = ["a", "a/b", "a%2Fb", "..", "../a", "a.b"]
    env = {"PLUGBUS_WORK_FOLDER": str(tmp_path)}
    paths = {str(SayAction(Params(), RuntimeContext(job_id=one, env=env)).make_checkpoints()) for one in jobs}
    assert len(paths) == len(jobs)
    assert {Path(one).parent for one in paths} == {tmp_path}


def test_a_checkpoint_keeps_a_result_that_is_a_model_and_no_parameters() -> None:
    context = WordsContext(params={"plain": 1}, result=Params(words=["kept"]))
    state = context.save_state()
    assert json.loads(json.dumps(state)) == state
    assert state == {"errors": [], "said": [], "result": {"words": ["kept"], "fail_at": ""}}


class WaitingStep(SayStep):
    async def execute(self, context: WordsContext) -> StepResult:  # type: ignore[override] # a step may be async
        await asyncio.sleep(0)
        return SayStep.execute(self, context)


class Waiting(SayAction):
    def setup_steps(self, registry: StepRegistry[WordsContext]) -> None:
        super().setup_steps(registry)
        registry.register(WaitingStep("wait"))


def test_async_steps_are_awaited_by_execute_async() -> None:
    action = Waiting(Params(), RuntimeContext())
    assert asyncio.run(action.execute_async())["steps_executed"] == 3
    assert action.context.said == ["a", "b", "wait"]


def test_async_steps_are_refused_by_execute() -> None:
    with pytest.raises(AsyncStepError, match="'wait'"):
        run(Waiting)
