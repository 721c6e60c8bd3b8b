"""The reference plugin: offers its actions, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plugbus.capabilities import Action, BaseAction
from plugbus.kernel import Plugin

from .actions import PLUGIN, EvaluateAction, ExportAction, PredictAction, PrepareAction, TrainAction

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext

ACTIONS: dict[str, type[BaseAction[Any]]] = {
    "prepare": PrepareAction,
    "train": TrainAction,
    "evaluate": EvaluateAction,
    "export": ExportAction,
    "predict": PredictAction,
}


class DigitsPlugin(Plugin):
    """Recognise handwritten digits."""

    def on_load(self, ctx: PluginContext) -> None:
        """Offer the actions."""
        for name, action in ACTIONS.items():
            ctx.provide(Action(f"{PLUGIN}.{name}"), action)
