"""Inference and deployment: models from the backend, failures of single inputs, what a kill leaves, what is served."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import plugbus.plugins
from plugbus.capabilities import (
    DEPLOYER,
    ActionDefinitionError,
    BaseDeploymentAction,
    BaseInferenceAction,
    DeployerUnavailableError,
    DeploymentContext,
    DeploymentNotFoundError,
    DeploymentParams,
    HostServices,
    InferenceContext,
    InferenceParams,
    ModelDraft,
    NothingInferredError,
    StepFailedError,
    StepRegistry,
    StepResult,
    WorkflowStep,
)
from plugbus.loaders import Host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plugbus.kernel import Kernel

    from .world import World


class Scaled(BaseInferenceAction[InferenceParams]):
    """Its model is a number in a file; it multiplies."""

    action_name = "scaled"
    asked: ClassVar[list[list[Any]]] = []

    def load_model(self, path: Path | None) -> Any:
        assert path is not None
        return int(path.read_text())

    def infer(self, model: Any, inputs: Sequence[Any]) -> Sequence[Any]:
        self.asked.append(list(inputs))
        return [model * 100 // one for one in inputs]


def scale_model(world: World, factor: int = 3, version: str = "1") -> int:
    file = world.put(f"models/scale/{version}/scale.txt", str(factor).encode())
    return world.client.create_model(ModelDraft(name="scale", version=version, file=file)).id


def test_a_model_of_the_backend_is_brought_and_asked(world: World) -> None:
    model = scale_model(world)
    found = world.run(Scaled, model=model, inputs=[1, 2, 3])
    assert found == {
        "success": True,
        "steps_executed": 2,
        "steps_total": 2,
        "predictions": [300, 150, 100],
        "processed_count": 3,
        "failed_count": 0,
        "failures": [],
        "model_id": model,
    }
    assert world.progress("model_download") == [(0, 100), (50, 100), (100, 100)]
    assert world.progress("inference") == [(number, 3) for number in range(4)]
    world.run(Scaled, model=model, inputs=[1])
    assert len(world.storage.got) == 1, "it is brought once"


def test_inputs_are_given_in_batches_and_a_bad_one_fails_alone(world: World) -> None:
    Scaled.asked.clear()
    found = world.run(Scaled, model=scale_model(world), inputs=[1, 2, 0, 4, 5], batch_size=3)
    assert found["predictions"] == [300, 150, None, 75, 60]
    assert (found["processed_count"], found["failed_count"]) == (4, 1)
    assert [one["index"] for one in found["failures"]] == [2]
    assert "zero" in found["failures"][0]["error"]
    assert Scaled.asked == [[1, 2, 0], [1], [2], [0], [4, 5]]


def test_an_inference_of_which_everything_fails_is_an_error(world: World) -> None:
    with pytest.raises(StepFailedError, match=r"all 2 inputs failed: 0: .*zero") as failed:
        world.run(Scaled, model=scale_model(world), inputs=[0, 0])
    assert isinstance(failed.value.__cause__, NothingInferredError)


def test_another_number_of_predictions_is_a_failure(world: World) -> None:
    class Short(Scaled):
        def infer(self, model: Any, inputs: Sequence[Any]) -> Sequence[Any]:
            return [1] if inputs == [1] else []

    found = world.run(Short, model=scale_model(world), inputs=[1, 2], batch_size=2)
    assert found["predictions"] == [1, None]
    assert found["failures"][0]["error"] == "0 values came for 1 items"


def test_hooks_that_are_missing_are_named(world: World) -> None:
    class Bare(BaseInferenceAction[InferenceParams]):
        action_name = "bare"

    with pytest.raises(StepFailedError, match="override load_model") as failed:
        world.run(Bare, inputs=[1])
    assert isinstance(failed.value.__cause__, ActionDefinitionError)


def test_the_model_is_closed_also_after_a_failure(world: World, tmp_path: Path) -> None:
    closed: list[Any] = []

    class Closing(Scaled):
        def close_model(self, model: Any) -> None:
            closed.append(model)

    (tmp_path / "own.txt").write_text("7")
    assert world.run(Closing, model_path=str(tmp_path / "own.txt"), inputs=[1])["predictions"] == [700]
    with pytest.raises(StepFailedError):
        world.run(Closing, model_path=str(tmp_path / "own.txt"), inputs=[0])
    assert closed == [7, 7]


def test_steps_of_ones_own_bring_requests(world: World) -> None:
    class AskStep(WorkflowStep[InferenceContext]):
        label = "ask"
        weight = 0.1

        def execute(self, context: InferenceContext) -> StepResult:
            context.requests = (number for number in (1, 3))
            return StepResult()

    class Asking(Scaled):
        def setup_steps(self, registry: StepRegistry[InferenceContext]) -> None:
            super().setup_steps(registry)
            registry.insert_before("inference", AskStep())

    assert world.run(Asking, model=scale_model(world))["predictions"] == [300, 100]


KILLED = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from tests.capabilities.specialised.world import World
from tests.capabilities.specialised.test_inference_action import Scaled
class Slow(Scaled):
    def infer(self, model, inputs):
        time.sleep(0.05)
        return super().infer(model, inputs)
World(Path({folder!r})).run(Slow, model={model}, inputs=list(range(1, 61)))
"""


def test_an_inference_that_was_killed_goes_on_after_the_last_prediction(world: World) -> None:
    model = scale_model(world)
    root = Path(__file__).parents[3]
    code = KILLED.format(path=[str(root), *sys.path], folder=str(world.folder), model=model)
    journal = world.folder / "work" / "job-1.predictions.jsonl"
    with subprocess.Popen([sys.executable, "-c", code]) as process:  # noqa: S603
        end = time.monotonic() + 60
        while time.monotonic() < end and not (journal.exists() and journal.read_bytes().count(b"\n") >= 5):
            time.sleep(0.01)
        process.kill()
    done = len([json.loads(line) for line in journal.read_bytes().split(b"\n")[:-1]])
    assert 5 <= done < 60
    Scaled.asked.clear()
    found = world.run(Scaled, model=model, inputs=list(range(1, 61)))
    assert found["predictions"] == [300 // one for one in range(1, 61)]
    assert Scaled.asked == [[one] for one in range(done + 1, 61)]
    assert found["steps_resumed"] == 1
    assert not list((world.folder / "work").glob("*"))


class ScaledService(BaseDeploymentAction[DeploymentParams]):
    action_name = "scaled.deploy"
    closed: ClassVar[list[int]] = []

    def load_model(self, path: Path | None) -> Any:
        assert path is not None
        return int(path.read_text())

    def infer(self, model: Any, inputs: Sequence[Any]) -> Sequence[Any]:
        return [model * one for one in inputs]

    def close_model(self, model: Any) -> None:
        self.closed.append(model)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """Return a kernel that serves models."""
    ScaledService.closed.clear()
    with Host(builtin=[Path(one) for one in plugbus.plugins.__path__]) as host:
        host.kernel.load("local_deployer")
        yield host.kernel


def test_a_model_is_served_and_the_backend_is_told(world: World, kernel: Kernel) -> None:
    model = scale_model(world)
    found = world.run(ScaledService, model=model, services=HostServices(kernel.services))
    assert (found["app_name"], found["version"], found["address"]) == ("scaled.deploy", "1", "local:scaled.deploy")
    deployer = kernel.services.get(DEPLOYER)
    assert list(deployer.infer("scaled.deploy", [1, 2])) == [3, 6]
    record = world.client.model(found["serve_app_id"])
    assert record.metadata["model"] == model
    assert record.metadata["deployment"]["address"] == "local:scaled.deploy"
    again = world.run(ScaledService, model=model, services=HostServices(kernel.services))
    assert again["serve_app_id"] == found["serve_app_id"]
    with pytest.raises(DeploymentNotFoundError, match=r"did you mean 'scaled\.deploy'"):
        deployer.infer("scaled.deplo", [1])
    kernel.unload("local_deployer")
    assert ScaledService.closed == [3, 3]
    assert deployer.deployments() == ()


def test_what_was_served_before_serves_again_when_a_later_step_fails(world: World, kernel: Kernel) -> None:
    class Refused(ScaledService):
        def register_serve_application(self, context: DeploymentContext) -> int | None:
            assert list(self.make_deployer().infer(context.app_name, [1])) == [5]
            raise ConnectionError("nobody is there")

    services = HostServices(kernel.services)
    world.run(ScaledService, model=scale_model(world), services=services)
    with pytest.raises(StepFailedError, match="nobody is there"):
        world.run(Refused, model=scale_model(world, 5, "2"), services=services, name="scaled.deploy")
    deployer = kernel.services.get(DEPLOYER)
    assert list(deployer.infer("scaled.deploy", [1])) == [3]
    assert ScaledService.closed == [5]
    with pytest.raises(StepFailedError, match="nobody is there"):
        world.run(Refused, model=scale_model(world, 5, "3"), services=services, name="other")
    assert [one.name for one in deployer.deployments()] == ["scaled.deploy"]


def test_a_host_that_serves_nothing_is_told_before_anything_is_brought(world: World) -> None:
    with pytest.raises(StepFailedError, match="local_deployer") as failed:
        world.run(ScaledService, model=scale_model(world))
    assert isinstance(failed.value.__cause__, DeployerUnavailableError)
    assert world.storage.got == []
