"""The errors of steps: facts, texts, and that they can be sent to another process."""

from __future__ import annotations

import pickle

import pytest

from plugbus.capabilities import (
    AsyncStepError,
    CapabilityError,
    CheckpointError,
    CheckpointStateError,
    StepCycleError,
    StepDefinitionError,
    StepExistsError,
    StepFailedError,
    StepNotFoundError,
    StepResultError,
    StepRollbackError,
    StepsChangedError,
    StepsRunningError,
    WorkCancelledError,
    steps,
)

ERRORS: dict[CapabilityError, tuple[type[Exception], str]] = {
    AsyncStepError(("a", "b")): (TypeError, "cannot execute step 'a', 'b': it is async; await execute_async()"),
    CheckpointError("x.json", "read", "it is no JSON"): (
        ValueError,
        "cannot read checkpoint 'x.json': it is no JSON",
    ),
    CheckpointStateError("Ctx", ("a", "b")): (ValueError, "cannot restore context 'Ctx': it has no field 'a', 'b'"),
    StepCycleError("w", ("a", "b", "a")): (ValueError, "cannot order steps of workflow 'w': a -> b -> a"),
    StepDefinitionError("a", "why"): (ValueError, "cannot register step 'a': why"),
    StepExistsError("a"): (
        ValueError,
        "cannot register step 'a': a step of this name is registered; give it another name",
    ),
    StepFailedError("a", "why"): (RuntimeError, "Step 'a' failed: why"),
    StepFailedError("a", "why", "can_skip", (StepRollbackError("b", "busy"),)): (
        RuntimeError,
        "Step 'a' failed in can_skip: why",
    ),
    StepNotFoundError("a"): (LookupError, "cannot find step 'a': no step is registered"),
    StepNotFoundError("a", (), ("b",), "c"): (
        LookupError,
        "cannot find step 'a', which step 'c' stands beside: no step has this name; there are 'b'",
    ),
    StepNotFoundError("a", ("b", "c")): (
        LookupError,
        "cannot find step 'a': no single step has this name; did you mean 'b' or 'c'?",
    ),
    StepResultError("a", "None"): (
        TypeError,
        "cannot accept result of step 'a': it returned None; return a StepResult",
    ),
    StepRollbackError("a", "why"): (RuntimeError, "cannot roll back step 'a': why"),
    StepsChangedError("x.json", ("step 'a' is gone", "step 'b' is new")): (
        ValueError,
        (
            "cannot resume from checkpoint 'x.json': step 'a' is gone; step 'b' is new; "
            "restore the steps, or delete the checkpoint"
        ),
    ),
    StepsRunningError(None): (
        RuntimeError,
        "cannot execute steps: this orchestrator is executing them; make one of its own for each execution",
    ),
    StepsRunningError("a"): (
        RuntimeError,
        "cannot execute steps: this orchestrator is executing them at step 'a'; make one of its own for each execution",
    ),
    WorkCancelledError("step 'a'", "enough"): (RuntimeError, "cannot go on with step 'a': enough"),
}


def test_every_error_of_steps_is_here() -> None:
    found = {getattr(steps, name) for name in steps.__all__ if name.endswith("Error")}
    assert found | {WorkCancelledError} == {type(error) for error in ERRORS}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_text_and_kind(error: CapabilityError) -> None:
    kind, text = ERRORS[error]
    assert str(error) == text
    assert isinstance(error, kind)
    assert isinstance(error, CapabilityError)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_it_comes_back_from_another_process_with_its_facts(error: CapabilityError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again).keys() == vars(error).keys()
