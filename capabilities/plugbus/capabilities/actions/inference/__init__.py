"""Actions that infer with trained models, and that serve them."""

from .action import BaseInferenceAction
from .context import DeploymentContext, InferenceContext
from .deploying import BaseDeploymentAction, DeployStep, InitializeDeploymentStep, RegisterStep
from .errors import NothingInferredError
from .params import DeploymentParams, DeploymentProgressCategories, InferenceParams, InferenceProgressCategories
from .steps import InferenceStep, LoadModelStep

__all__ = [
    "BaseDeploymentAction",
    "BaseInferenceAction",
    "DeployStep",
    "DeploymentContext",
    "DeploymentParams",
    "DeploymentProgressCategories",
    "InferenceContext",
    "InferenceParams",
    "InferenceProgressCategories",
    "InferenceStep",
    "InitializeDeploymentStep",
    "LoadModelStep",
    "NothingInferredError",
    "RegisterStep",
]
