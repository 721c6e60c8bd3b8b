"""What the steps of a training share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..workflow import WorkflowContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...tuning import Trial


@dataclass(kw_only=True)
class TrainContext(WorkflowContext):
    """What the steps of a training share.

    Args:
        dataset: The dataset that is trained on: its id in the backend, or whatever a step of the author puts there.
        data_path: Where the dataset is: its folder, or the file that describes it.
        data_format: What it holds there: the format of a data type.
        model: The model, while it is in memory. It is not kept in checkpoints.
        model_path: Where the trained model is: a file, or a folder.
        model_id: Its id in the backend, once it is there.
        metrics: The last metrics that were reported.
        trial: The trial that is under way, where hyperparameters are searched.
        tune_result: What the search came to: ``best`` (number, values and value) and the number of ``trials``.
        trial_models: For each trial its number, values, value, state and ``model_path``.
    """

    dataset: Any = None
    data_path: Path | None = None
    data_format: str = ""
    model: Any = None
    model_path: Path | None = None
    model_id: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    trial: Trial | None = None
    tune_result: dict[str, Any] | None = None
    trial_models: list[dict[str, Any]] = field(default_factory=list)

    def param(self, name: str, default: Any) -> Any:
        """Return a parameter; models of an author's own need not have all of them."""
        found = getattr(self.params, name, default)
        return default if found is None else found

    def save_state(self) -> Mapping[str, Any]:
        """Return what has to be kept in a checkpoint; paths become texts, and the model is left out."""
        state = {name: value for name, value in super().save_state().items() if name not in {"model", "trial"}}
        state.update({name: str(path) for name in _PATHS if (path := getattr(self, name)) is not None})
        return state

    def restore_state(self, state: Mapping[str, Any]) -> None:
        """Take over what ``save_state`` returned."""
        super().restore_state(state)
        for name in _PATHS:
            if getattr(self, name) is not None:
                setattr(self, name, Path(getattr(self, name)))


_PATHS = ("data_path", "model_path")
