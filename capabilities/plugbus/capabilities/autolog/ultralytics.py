"""Ultralytics: epochs, losses and metrics of its trainers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .contract import AutologFramework
from .patch import SharedPatch, framework_module, numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .contract import JobReport


class UltralyticsAutolog(AutologFramework):
    """Report the training of models that are made after it began.

    Callbacks of Ultralytics, ``on_pretrain_routine_end``, ``on_train_epoch_end``, ``on_fit_epoch_end`` and
    ``on_train_end``, are added to those that every new model starts with, ``default_callbacks``
    (https://docs.ultralytics.com/usage/callbacks/). Trainings that are spread over several processes report from none.
    """

    def __init__(self, name: str = "ultralytics") -> None:
        self._name = name

    @property
    def name(self) -> str:
        """Return the framework's name."""
        return self._name

    def begin(self, find_report: Callable[[], JobReport | None]) -> Callable[[], None]:
        """Have trainings told, and return what ends it."""
        module = framework_module(self._name, "ultralytics.utils.callbacks.base", "ultralytics")

        def apply(patch: SharedPatch) -> Callable[[], None]:
            return add_callbacks(module.default_callbacks, patch.report)

        return SharedPatch.of(module, apply).begin(find_report)


def add_callbacks(
    defaults: dict[str, list[Callable[[Any], object]]], find_report: Callable[[], JobReport | None]
) -> Callable[[], None]:
    """Add callbacks to lists of them by event, and return what takes them out."""
    added = {event: _told(tell, find_report) for event, tell in _TELLING.items()}
    for event, callback in added.items():
        defaults.setdefault(event, []).append(callback)

    def undo() -> None:
        for event, callback in added.items():
            if callback in defaults.get(event, ()):
                defaults[event].remove(callback)

    return undo


def _told(tell: Callable[[JobReport, Any], None], find_report: Callable[[], JobReport | None]) -> Callable[[Any], None]:
    def callback(trainer: Any) -> None:
        report = find_report()
        if report is not None:
            tell(report, trainer)

    return callback


def _begin(report: JobReport, trainer: Any) -> None:
    args = vars(trainer.args)
    plain = (bool, int, float, str, type(None))
    report.log("ultralytics_train", {key: value for key, value in args.items() if isinstance(value, plain)})


def _epoch_trained(report: JobReport, trainer: Any) -> None:
    report.set_progress(trainer.epoch + 1, trainer.epochs, "train")
    report.set_metrics(numbers_of(trainer.label_loss_items(trainer.tloss, prefix="train")), "train", step=trainer.epoch)


def _epoch_fitted(report: JobReport, trainer: Any) -> None:
    report.set_metrics(numbers_of(trainer.metrics or {}), "validation", step=trainer.epoch)


def _end(report: JobReport, trainer: Any) -> None:
    report.log("ultralytics_trained", {"best": str(trainer.best), "save_dir": str(trainer.save_dir)})


_TELLING = {
    "on_pretrain_routine_end": _begin,
    "on_train_epoch_end": _epoch_trained,
    "on_fit_epoch_end": _epoch_fitted,
    "on_train_end": _end,
}
