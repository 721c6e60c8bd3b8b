"""What actions take that infer and deploy."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class InferenceProgressCategories(StrEnum):
    """What an inference action reports the progress of."""

    MODEL_DOWNLOAD = "model_download"
    INFERENCE = "inference"


class DeploymentProgressCategories(StrEnum):
    """What a deployment action reports the progress of."""

    INITIALIZE = "initialize"
    DEPLOY = "deploy"
    REGISTER = "register"


class InferenceParams(BaseModel):
    """Parameters of an inference action. A model of one's own needs those fields alone whose defaults do not suit it.

    Args:
        model: Id of the model in the backend.
        model_path: Its file or folder here, instead.
        inputs: What is inferred from, one by one.
        batch_size: How many of them ``infer`` is given at a time.
    """

    model_config = ConfigDict(protected_namespaces=())

    model: int | None = None
    model_path: str | None = None
    inputs: list[Any] = Field(default_factory=list)
    batch_size: int = Field(default=1, ge=1)


class DeploymentParams(BaseModel):
    """Parameters of a deployment action. A model of one's own needs those fields alone whose defaults do not suit it.

    Args:
        model: Id of the model in the backend.
        model_path: Its file or folder here, instead.
        name: What it is called where it is served; the action's name by default.
        options: For the deployer.
    """

    model_config = ConfigDict(protected_namespaces=())

    model: int | None = None
    model_path: str | None = None
    name: str | None = Field(default=None, min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)
