"""scikit-learn: what estimators were fitted with, and how well they fit."""

from __future__ import annotations

from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from .contract import AutologFramework
from .patch import SharedPatch, framework_module, numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .contract import JobReport

METHODS: Final = ("fit", "fit_transform", "fit_predict")
_CURVES: Final = ("loss_curve_", "validation_scores_", "train_score_")
_SCALARS: Final = ("best_score_", "best_loss_", "n_iter_", "inertia_", "oob_score_", "reconstruction_err_")

# Fitting a pipeline or a search fits what is inside: the outermost is what the author fits.
_IS_FITTING: ContextVar[bool] = ContextVar("plugbus_sklearn_fitting", default=False)


class SklearnAutolog(AutologFramework):
    """Report each fit of an estimator: its parameters, the score on the data that it was fitted to, its loss curve.

    ``fit``, ``fit_transform`` and ``fit_predict`` of every class of estimators are wrapped while an action wants it,
    also of classes that are imported meanwhile. Only the outermost fit is reported, not those inside a pipeline or a
    search. A score is asked for where the estimator has ``score``, and what that raises is left out.
    """

    def __init__(self, name: str = "sklearn") -> None:
        self._name = name

    @property
    def name(self) -> str:
        """Return the framework's name."""
        return self._name

    def begin(self, find_report: Callable[[], JobReport | None]) -> Callable[[], None]:
        """Have fits told, and return what ends it."""
        module = framework_module(self._name, "sklearn.base", "plugbus[sklearn]")
        return SharedPatch.of(module, _apply).begin(find_report)


def _apply(patch: SharedPatch) -> Callable[[], None]:
    """Wrap the methods of all estimators that there are and will be; return what unwraps them."""
    base = framework_module("sklearn", "sklearn.base", "plugbus[sklearn]").BaseEstimator
    wrapped: list[tuple[type, str, Any, Any]] = []

    def wrap(owner: type) -> None:
        for name in METHODS:
            original = owner.__dict__.get(name)
            # What is no plain function, such as sklearn's available_if, is left: what it leads to is wrapped.
            if callable(original) and isinstance(original, type(wrap)):
                ours = _told(patch, original)
                setattr(owner, name, ours)
                wrapped.append((owner, name, original, ours))

    def hear(cls: type, /, **options: Any) -> None:
        super(base, cls).__init_subclass__(**options)
        wrap(cls)

    for owner in _owners(base):
        wrap(owner)
    base.__init_subclass__ = classmethod(hear)

    def undo() -> None:
        del base.__init_subclass__
        for owner, name, original, ours in reversed(wrapped):
            if owner.__dict__.get(name) is ours:  # somebody else may have changed it meanwhile
                setattr(owner, name, original)

    return undo


def _owners(base: type) -> Iterator[type]:
    """Yield every class that an estimator has a method from, once: estimators, and mixins outside of them."""
    seen: set[type] = set()
    waiting = [base]
    while waiting:
        one = waiting.pop()
        waiting += one.__subclasses__()
        for owner in one.__mro__:
            if owner not in seen and owner is not object:
                seen.add(owner)
                yield owner


def _told(patch: SharedPatch, original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        report = None if _IS_FITTING.get() else patch.report()
        if report is None:
            return original(self, *args, **kwargs)
        token = _IS_FITTING.set(True)
        try:
            result = original(self, *args, **kwargs)
            _report(report, self, original.__name__, args, kwargs)
        finally:
            _IS_FITTING.reset(token)
        return result

    return method


def _report(report: JobReport, estimator: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Tell of a fit that succeeded. What can't be found out is left out: it is no reason to lose the work."""
    name = type(estimator).__name__
    report.log("sklearn_fit", {"estimator": name, "method": method, "params": _params(estimator)})
    metrics = numbers_of({one.rstrip("_"): getattr(estimator, one, None) for one in _SCALARS})
    score = _score(estimator, args, kwargs)
    if score is not None:
        metrics["score"] = score
    for curve in _CURVES:
        values = getattr(estimator, curve, None)
        for step, value in enumerate(() if values is None else values):
            report.set_metrics(numbers_of({curve.removesuffix("_curve_").rstrip("_"): value}), name, step=step)
    if metrics:
        report.set_metrics(metrics, name)


def _params(estimator: Any) -> dict[str, Any]:
    try:
        found = estimator.get_params(deep=True)
    except Exception:  # noqa: BLE001 - see _report
        return {}
    plain = (bool, int, float, str, type(None))
    return {key: value if isinstance(value, plain) else repr(value) for key, value in found.items()}


def _score(estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float | None:
    given = dict(zip(("X", "y"), args, strict=False))
    data = {key: value for key, value in {**kwargs, **given}.items() if key in {"X", "y", "sample_weight"}}
    try:
        return float(estimator.score(**data))
    except Exception:  # noqa: BLE001 - not every estimator has a score, or one of these data; see _report
        return None
