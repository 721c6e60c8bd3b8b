"""PyTorch Lightning: epochs and logged metrics of its trainers."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from .contract import AutologFramework
from .patch import SharedPatch, framework_module, numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .contract import JobReport


class LightningAutolog(AutologFramework):
    """Report what ``Trainer.fit`` does: a callback is among the trainer's while the fit goes on.

    It uses the hooks of Lightning's ``Callback`` (https://lightning.ai/docs/pytorch/stable/extensions/callbacks.html),
    in rank 0. ``lightning`` is the package of that name, ``pytorch_lightning`` the older one.
    """

    def __init__(self, name: str = "lightning") -> None:
        self._name = name

    @property
    def name(self) -> str:
        """Return the framework's name."""
        return self._name

    def begin(self, find_report: Callable[[], JobReport | None]) -> Callable[[], None]:
        """Have fits told, and return what ends it."""
        home = "lightning.pytorch" if self._name == "lightning" else "pytorch_lightning"
        module = framework_module(self._name, home, self._name.replace("_", "-"))

        def apply(patch: SharedPatch) -> Callable[[], None]:
            return wrap_fit(module.Trainer, module.Callback, patch.report)

        return SharedPatch.of(module, apply).begin(find_report)


def wrap_fit(trainer_cls: Any, callback_cls: Any, find_report: Callable[[], JobReport | None]) -> Callable[[], None]:
    """Have ``fit`` of a class of trainers report through a callback of their kind; return what undoes it."""
    original = trainer_cls.fit

    @wraps(original)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        report = find_report()
        if report is None:
            return original(self, *args, **kwargs)
        callback = _callback_of(callback_cls, report)
        self.callbacks.append(callback)
        try:
            return original(self, *args, **kwargs)
        finally:
            self.callbacks.remove(callback)

    trainer_cls.fit = fit

    def undo() -> None:
        if trainer_cls.fit is fit:  # somebody else may have changed it meanwhile
            trainer_cls.fit = original

    return undo


def _callback_of(callback_cls: Any, report: JobReport) -> Any:
    class ReportingCallback(callback_cls):  # type: ignore[misc] # the framework's class, known when it runs
        """Reports to the action."""

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            """Tell what is trained, and with what."""
            if trainer.is_global_zero:
                params = {key: repr(value) for key, value in dict(pl_module.hparams).items()}
                facts = {"module": type(pl_module).__name__, "max_epochs": trainer.max_epochs, "params": params}
                report.log("lightning_fit", facts)

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            """Tell how far it is, and what was measured: after the validation of this epoch, if there is one."""
            if trainer.is_global_zero:
                epochs = trainer.max_epochs
                report.set_progress(trainer.current_epoch + 1, epochs if epochs and epochs > 0 else None, "train")
                report.set_metrics(numbers_of(trainer.callback_metrics), "train", step=trainer.current_epoch)

    return ReportingCallback()
