"""What actions share that use a trained model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ActionDefinitionError
from .cache_folder import cache_folder
from .model_files import download_model
from .workflow import WorkflowContext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..backend import ModelRecord
    from ..context import RuntimeContext


@dataclass(kw_only=True)
class ModelContext(WorkflowContext):
    """What the steps of an action share that uses a model.

    Args:
        model_id: Its id in the backend; None where it is a local file, or none at all.
        model_path: Where it is: a file or a folder.
        model: The model in memory. It is not kept in checkpoints: what needs it asks ``use_model``.
    """

    model_id: int | None = None
    model_path: Path | None = None
    model: Any = None

    def param(self, name: str, default: Any) -> Any:
        """Return a parameter; models of an author's own need not have all of them."""
        found = getattr(self.params, name, default)
        return default if found is None else found

    def save_state(self) -> Mapping[str, Any]:
        """Return what has to be kept in a checkpoint; the path becomes a text, and the model is left out."""
        state = {name: value for name, value in super().save_state().items() if name != "model"}
        return {**state, "model_path": None if self.model_path is None else str(self.model_path)}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        """Take over what ``save_state`` returned."""
        super().restore_state(state)
        self.model_path = None if self.model_path is None else Path(self.model_path)


class ModelUse:
    """The hooks of an action that uses a model: override ``load_model`` and ``infer``."""

    params: Any
    ctx: RuntimeContext

    def get_model(self, model: int) -> ModelRecord:
        """Return what the backend knows of a model."""
        return self.ctx.current_backend.model(model)

    def download_model(self, model: int, output_dir: str | Path | None = None) -> Path:
        """Bring a model of the backend here, and return its file, or its folder where it was packed.

        Args:
            model: Its id.
            output_dir: Where to; where downloads are kept by default. What is there already is not brought again.
        """
        folder = cache_folder(self.ctx) / "models" if output_dir is None else Path(output_dir)
        return download_model(self.ctx.current_backend, self.ctx.current_storage, model, folder)

    def load_model(self, path: Path | None) -> Any:
        """Return the model in memory.

        Args:
            path: Its file or folder; None where the parameters name none.
        """
        raise ActionDefinitionError(_label(self), "it does not say how a model is loaded; override load_model")

    def infer(self, model: Any, inputs: Sequence[Any]) -> Sequence[Any]:
        """Return one prediction for each input, in their order.

        Args:
            model: What ``load_model`` has returned.
            inputs: As many as the parameter ``batch_size`` says, or fewer.
        """
        raise ActionDefinitionError(_label(self), "it does not say how to infer; override infer")

    def close_model(self, model: Any) -> None:
        """Give back what a model holds, when the steps are done with it; does nothing as it is."""


def bring_model(context: ModelContext) -> None:
    """Find out which model the parameters name, by ``model`` or ``model_path``, and bring it here."""
    if context.model_path is not None:
        return
    path, model = context.param("model_path", None), context.param("model", None)
    if path is not None:
        context.model_path = Path(path)
    elif isinstance(model, int):
        context.model_id = model
        context.model_path = context.action.download_model(model)


def use_model(context: ModelContext) -> Any:
    """Return the model, loading it where it is not in memory: before, or because another process has done so."""
    if context.model is None:
        bring_model(context)
        context.model = context.action.load_model(context.model_path)
    return context.model


def _label(action: Any) -> str:
    return getattr(action, "action_name", None) or type(action).__qualname__
