"""The examples of the first seed that are about actions and the executor in this process, in its order."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, Field

from plugbus.capabilities import BaseAction, MetricsRecorded, ProgressReported
from plugbus.capabilities.enums import PluginCategory
from plugbus.capabilities.types import ModelWeights, YOLODataset
from plugbus.plugins.local_executor import LocalExecutor

if TYPE_CHECKING:
    from plugbus.kernel import Event


@pytest.fixture(autouse=True)
def callbacks(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Return the callbacks that models of Ultralytics start with: its own, or what stands in where it is not there."""
    name = "ultralytics.utils.callbacks.base"
    if find_spec("ultralytics") is None:
        for depth in range(1, 5):
            package = ".".join(name.split(".")[:depth])
            monkeypatch.setitem(sys.modules, package, ModuleType(package))
        monkeypatch.setattr(sys.modules[name], "default_callbacks", {}, raising=False)
    else:
        __import__(name)
    found: dict[str, list[Any]] = vars(sys.modules[name])["default_callbacks"]
    return found


class TrainParams(BaseModel):
    """Training parameters."""

    epochs: int = Field(default=100, ge=1, le=1000)
    batch_size: int = Field(default=16, ge=1, le=256)
    learning_rate: float = Field(default=0.001, gt=0)
    model_size: str = Field(default="n", pattern="^[nsmlx]$")


class TrainResult(BaseModel):
    """Training result."""

    weights_path: str
    final_loss: float
    best_map: float


class Line:
    """What is trained here: y = w x, by gradient descent on three points of y = 2 x."""

    def __init__(self) -> None:
        self.weight = 0.0
        self.final_loss = 0.0
        self.best_map = 0.0


class YOLOTrainAction(BaseAction[TrainParams]):
    """Train a model on a dataset."""

    action_name = "train"
    category = PluginCategory.NEURAL_NET
    input_type = YOLODataset
    output_type = ModelWeights
    result_model = TrainResult

    def execute(self) -> TrainResult:
        # Enable automatic framework logging
        self.autolog("ultralytics")

        epochs = self.params.epochs
        self.log("train_start", {"epochs": epochs, "batch_size": self.params.batch_size})
        model = self._create_model()
        assert "on_train_epoch_end" in sys.modules["ultralytics.utils.callbacks.base"].default_callbacks
        for epoch in range(epochs):
            loss = self._train_epoch(model, epoch)
            self.set_progress(epoch + 1, epochs, category="train")
            self.set_metrics({"loss": loss}, category="epoch")
        weights_path = self._save_model(model)
        self.log("train_complete", {"weights_path": weights_path})
        return TrainResult(weights_path=weights_path, final_loss=model.final_loss, best_map=model.best_map)

    def _create_model(self) -> Line:
        return Line()

    def _train_epoch(self, model: Line, epoch: int) -> float:
        points = [(x, 2 * x) for x in (1, 2, 3)]
        gradient = sum(2 * (model.weight * x - y) * x for x, y in points) / len(points)
        model.weight -= self.params.learning_rate * gradient
        model.final_loss = sum((model.weight * x - y) ** 2 for x, y in points) / len(points)
        return model.final_loss

    def _save_model(self, model: Line) -> str:
        return f"{self.ctx.job_id}.pt"


def test_the_parameter_model_is_extracted() -> None:
    class Own(BaseModel):
        epochs: int = 10

    class TrainAction(BaseAction[Own]):
        def execute(self) -> None: ...

    action: Any = TrainAction
    assert action.params_model is Own


def test_the_complete_example_trains(callbacks: dict[str, list[Any]]) -> None:
    before = {event: list(found) for event, found in callbacks.items() if found}
    events: list[Event] = []
    executor = LocalExecutor(env={"DEBUG": "true", "API_KEY": "xxx"}, job_id="local-test-001", publish=events.append)
    result = executor.execute(
        action_cls=YOLOTrainAction, params={"epochs": 10, "batch_size": 32, "learning_rate": 0.05}
    )
    assert isinstance(result, TrainResult)
    assert result.weights_path == "local-test-001.pt"
    assert {event: found for event, found in callbacks.items() if found} == before
    losses = [event.values["loss"] for event in events if isinstance(event, MetricsRecorded)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == result.final_loss
    assert [event.current for event in events if isinstance(event, ProgressReported)] == list(range(1, 11))


def test_the_executor_returns_the_result_directly() -> None:
    executor = LocalExecutor(env={"DEBUG": "true", "API_KEY": "xxx"}, job_id="local-test-001")
    assert executor.execute(action_cls=YOLOTrainAction, params={"epochs": 1}).weights_path == "local-test-001.pt"
