"""The base class of inference actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from ..model_use import ModelUse
from ..workflow import WorkflowAction
from .context import InferenceContext
from .params import InferenceProgressCategories
from .steps import InferenceStep, LoadModelStep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...steps import BaseStepContext, StepRegistry

P = TypeVar("P", bound=BaseModel)


class BaseInferenceAction(WorkflowAction[P, InferenceContext], ModelUse, Generic[P]):
    """Infer with a trained model: override ``load_model`` and ``infer``, or ``setup_steps``, or ``execute`` alone.

    As it is, it brings the model that ``model`` or ``model_path`` of the parameters names, loads it, and infers from
    ``inputs``, ``batch_size`` at a time. Where a batch fails, its inputs are tried one by one; those that fail are
    recorded. With a setting ``PLUGBUS_WORK_FOLDER`` and the same id, a job that was killed goes on after the last
    prediction.

    Attributes:
        progress: What it reports the progress of.
    """

    context_class: ClassVar[type[BaseStepContext]] = InferenceContext
    progress: ClassVar[type[InferenceProgressCategories]] = InferenceProgressCategories
    progress_categories: ClassVar[Mapping[str, float]] = {
        InferenceProgressCategories.MODEL_DOWNLOAD: 20,
        InferenceProgressCategories.INFERENCE: 80,
    }

    def setup_steps(self, registry: StepRegistry[InferenceContext]) -> None:
        """Register the two steps of an inference."""
        registry.register(LoadModelStep())
        registry.register(InferenceStep())

    def facts(self, context: InferenceContext) -> Mapping[str, Any]:
        """Return the predictions and the counts."""
        return {
            "predictions": context.results,
            "processed_count": context.processed_count,
            "failed_count": context.failed_count,
            "failures": context.failures,
            "model_id": context.model_id,
        }
