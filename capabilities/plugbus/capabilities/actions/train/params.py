"""What a training action takes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ...tuning import TuneConfig  # noqa: TC001 - pydantic reads it


class TrainProgressCategories(StrEnum):
    """What a training action reports the progress of."""

    DATASET = "dataset"
    TRAIN = "train"
    MODEL_UPLOAD = "model_upload"


class BaseTrainParams(BaseModel):
    """Parameters of a training action. A model of one's own may derive from it, or have some of its fields.

    Where nothing is tuned, ``hyperparameters`` are taken for parameters of the same names: a mapping, or the first
    mapping of a list.

    Args:
        dataset: Id of the dataset in the backend; None where the action brings its data itself.
        splits: The splits of it that are wanted; none for all.
        checkpoint: Id of the model in the backend to begin with; None to begin anew.
        model_name: What the trained model is called in the backend; the action's name by default.
        is_tune: Whether hyperparameters are searched.
        hyperparameters: What is searched: name to ``{"type": "loguniform", "low": 1e-4, "high": 0.1}`` and the like.
        tune_config: How it is searched.
    """

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    dataset: int | None = None
    splits: tuple[str, ...] = ()
    checkpoint: int | None = None
    model_name: str | None = None
    is_tune: bool = False
    hyperparameters: dict[str, Any] | list[dict[str, Any]] = Field(default_factory=dict)
    tune_config: TuneConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def take_hyperparameters(cls, said: Any) -> Any:
        """Take hyperparameters for parameters where nothing is tuned; what is said beside them counts above them."""
        if not isinstance(said, Mapping) or said.get("is_tune"):
            return said
        found = said.get("hyperparameters")
        first = found[0] if isinstance(found, list) and found else found
        if not isinstance(first, Mapping):
            return said
        return {**first, **{key: value for key, value in said.items() if key != "hyperparameters"}}
