"""The training of a small network, epoch by epoch, so that progress is seen and it can be stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sklearn.neural_network import MLPClassifier

    from .data import FloatArray, IntArray, Split, Splits


class FittedClassifier(Protocol):
    """What is used of scikit-learn's classifier once it is fitted."""

    def predict_proba(self, x: FloatArray, /) -> FloatArray:
        """Return the probability of each class, shape ``(n, classes)``."""
        ...


class Adam(Protocol):
    """What is used of scikit-learn's optimiser.

    Attributes:
        t: Updates so far.
        ms: Running means of the gradients, one array for each of the weights, then of the biases.
        vs: Running means of their squares.
    """

    t: int
    ms: list[FloatArray]
    vs: list[FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """What one epoch reached, measured on the weights at its end.

    Args:
        epoch: Number of the epoch, from 1.
        epochs: Epochs that were asked for.
        train_loss: Mean cross entropy over the training part, in nats.
        train_accuracy: Share of the training part that is recognised, 0..1.
        validation_accuracy: Share of the validation part that is recognised, 0..1.
    """

    epoch: int
    epochs: int
    train_loss: float
    train_accuracy: float
    validation_accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedModel:
    """A trained network: one hidden layer, ``relu`` in it and ``softmax`` at the end.

    Args:
        weights: One read-only array a layer, shape ``(inputs, outputs)``.
        biases: One read-only array a layer, shape ``(outputs,)``.
        classes: The digit of each output, shape ``(10,)``.
        reports: One report an epoch, in order.
        classifier: scikit-learn's own object with these weights.
    """

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    classes: IntArray
    reports: tuple[EpochReport, ...]
    classifier: FittedClassifier

    def predict_proba(self, x: FloatArray) -> FloatArray:
        """Return scikit-learn's probability of each class, shape ``(n, 10)``, for cells of shape ``(n, 64)``."""
        return self.classifier.predict_proba(x)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingState:
    """All that the rest of a training depends on, at the end of an epoch.

    Args:
        weights: One array a layer, shape ``(inputs, outputs)``.
        biases: One array a layer, shape ``(outputs,)``.
        first_moments: Adam's running means of the gradients: one array for each of the weights, then of the biases.
        second_moments: Adam's running means of their squares, likewise.
        updates: Updates of the weights so far.
        generator: State of the generator that draws the order of samples, as numpy gives it.
        reports: One report an epoch, in order.
    """

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    first_moments: tuple[FloatArray, ...]
    second_moments: tuple[FloatArray, ...]
    updates: int
    generator: Mapping[str, Any]
    reports: tuple[EpochReport, ...]


def train(
    splits: Splits,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    hidden_units: int,
    seed: int,
    on_epoch: Callable[[EpochReport], None],
    state: TrainingState | None = None,
    on_state: Callable[[TrainingState], object] | None = None,
) -> TrainedModel:
    """Train a network on the training part with Adam; same arguments and libraries, same weights bit for bit.

    Args:
        splits: The data; the test part is not looked at.
        epochs: Passes over the training part, at least 1.
        batch_size: Samples between two updates of the weights, at least 1.
        learning_rate: Step size of Adam, above 0.
        hidden_units: Units of the hidden layer, at least 1.
        seed: Seed of the first weights and of the order of samples, 0 to 2**32 - 1.
        on_epoch: Called after each epoch; what it raises ends the training and reaches the caller.
        state: Where to go on: what ``on_state`` was given, on the same data and with the same settings. The weights
            are in the end those of a training without a break, bit for bit.
        on_state: Called after ``on_epoch`` with how far the training is, to be kept.
    """
    import numpy as np
    from sklearn.neural_network import MLPClassifier

    part = splits.train
    classes: IntArray = np.unique(part.y)
    # The order of samples is ours alone: with shuffle the classifier would draw another one inside each batch.
    classifier = MLPClassifier((hidden_units,), learning_rate_init=learning_rate, random_state=seed, shuffle=False)
    fitted = cast("FittedClassifier", classifier)  # the library ships no types
    generator = np.random.default_rng(seed)
    reports: list[EpochReport] = []
    if state is not None:
        first = slice(0, min(batch_size, len(part)))
        classifier.set_params(batch_size=len(part.y[first]))
        classifier.partial_fit(part.x[first], part.y[first], classes=classes)  # makes what is overwritten now
        _restore(classifier, state)
        generator.bit_generator.state = dict(state.generator)
        reports.extend(state.reports)
    for epoch in range(len(reports) + 1, epochs + 1):
        order = generator.permutation(len(part))
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            # Set anew for each batch: "auto" cuts at 200, and a last batch below the size would be warned of.
            classifier.set_params(batch_size=len(chosen))
            classifier.partial_fit(part.x[chosen], part.y[chosen], classes=classes)
            if classifier.n_iter_ == 0:
                # The classifier turns Ctrl-C into a warning, and the pass it cut short is not counted.
                raise KeyboardInterrupt
        report = _report(fitted, classes, splits, epoch, epochs)
        reports.append(report)
        on_epoch(report)
        if on_state is not None:
            on_state(_state(classifier, generator.bit_generator.state, reports))
    return TrainedModel(
        weights=tuple(_frozen(layer) for layer in classifier.coefs_),
        biases=tuple(_frozen(layer) for layer in classifier.intercepts_),
        classes=classes,
        reports=tuple(reports),
        classifier=fitted,
    )


def _state(classifier: MLPClassifier, generator: Mapping[str, Any], reports: list[EpochReport]) -> TrainingState:
    """Return how far a training is."""
    optimiser = _optimiser(classifier)
    return TrainingState(
        weights=tuple(_frozen(one) for one in classifier.coefs_),
        biases=tuple(_frozen(one) for one in classifier.intercepts_),
        first_moments=tuple(_frozen(one) for one in optimiser.ms),
        second_moments=tuple(_frozen(one) for one in optimiser.vs),
        updates=int(optimiser.t),
        generator=generator,
        reports=tuple(reports),
    )


def _optimiser(classifier: MLPClassifier) -> Adam:
    # The classifier has no public name for it; its own attributes are public.
    return cast("Adam", classifier._optimizer)


def _restore(classifier: MLPClassifier, state: TrainingState) -> None:
    """Put a classifier that was fitted once where another one was."""
    optimiser = _optimiser(classifier)
    pairs = (
        (classifier.coefs_, state.weights),
        (classifier.intercepts_, state.biases),
        (optimiser.ms, state.first_moments),
        (optimiser.vs, state.second_moments),
    )
    for arrays, kept in pairs:
        for array, values in zip(arrays, kept, strict=True):
            array[...] = values
    optimiser.t = state.updates


def _report(classifier: FittedClassifier, classes: IntArray, splits: Splits, epoch: int, epochs: int) -> EpochReport:
    """Measure the classifier as it stands on the training and the validation part."""
    import numpy as np

    part = splits.train
    probabilities = classifier.predict_proba(part.x)
    of_truth = probabilities[np.arange(len(part)), np.searchsorted(classes, part.y)]
    floor = np.finfo(np.float64).tiny  # a probability may round to 0, which has no logarithm
    return EpochReport(
        epoch=epoch,
        epochs=epochs,
        train_loss=float(-np.log(np.maximum(of_truth, floor)).mean()),
        train_accuracy=_accuracy(probabilities, classes, part),
        validation_accuracy=_accuracy(classifier.predict_proba(splits.validation.x), classes, splits.validation),
    )


def _accuracy(probabilities: FloatArray, classes: IntArray, part: Split) -> float:
    """Return the share of a part whose most probable class is the true one."""
    return float((classes[probabilities.argmax(axis=1)] == part.y).mean())


def _frozen(layer: FloatArray) -> FloatArray:
    """Return a read-only copy, which a further fit of the classifier can't change."""
    copy = layer.copy()
    copy.setflags(write=False)
    return copy
