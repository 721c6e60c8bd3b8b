"""The training: what it reports, what it reaches, and that it can be repeated and stopped."""

from __future__ import annotations

import sys
from itertools import chain
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("sklearn", reason='needs scikit-learn: pip install "plugbus[sklearn]"')

import numpy as np
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from plugbus.plugins.digits.config import TrainParams
from plugbus.plugins.digits.data import Split, Splits, load_split
from plugbus.plugins.digits.train import EpochReport, TrainedModel, train

if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from plugbus.plugins.digits.data import FloatArray, IntArray


def ignore(_: EpochReport) -> None:
    """Take a report and do nothing with it."""


@pytest.fixture(scope="module")
def splits() -> Splits:
    return load_split(0.2, 0.1, 0)


def fit(splits: Splits, **changes: Any) -> TrainedModel:
    """Train for three epochs, or as the changes say."""
    arguments: dict[str, Any] = {
        "epochs": 3,
        "batch_size": 32,
        "learning_rate": 0.001,
        "hidden_units": 16,
        "seed": 0,
        "on_epoch": ignore,
    }
    return train(splits, **(arguments | changes))


def same(left: TrainedModel, right: TrainedModel) -> bool:
    """Return whether two models have the same weights, bit for bit."""
    pairs = zip((*left.weights, *left.biases), (*right.weights, *right.biases), strict=True)
    return all(one.tobytes() == other.tobytes() for one, other in pairs)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_defaults_recognise_at_least_95_percent_of_the_test_part(seed: int) -> None:
    params = TrainParams(seed=seed)
    splits = load_split(params.test_fraction, params.validation_fraction, params.seed)
    model = train(
        splits, **params.model_dump(exclude={"division", "test_fraction", "validation_fraction"}), on_epoch=ignore
    )
    read = model.classes[model.predict_proba(splits.test.x).argmax(axis=1)]
    assert (read == splits.test.y).mean() >= 0.95
    assert model.reports[-1].validation_accuracy >= 0.95
    assert model.reports[-1].train_loss < 0.1 < model.reports[0].train_loss


def test_every_epoch_is_reported_while_it_is_the_last(splits: Splits) -> None:
    heard: list[EpochReport] = []
    model = fit(splits, epochs=5, on_epoch=heard.append)
    assert [(report.epoch, report.epochs) for report in heard] == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert model.reports == tuple(heard)


def test_a_report_measures_the_weights_at_the_end_of_its_epoch(splits: Splits) -> None:
    model = fit(splits)
    report = model.reports[-1]
    for part, accuracy in (
        (splits.train, report.train_accuracy),
        (splits.validation, report.validation_accuracy),
    ):
        read = model.classes[model.predict_proba(part.x).argmax(axis=1)]
        assert accuracy == (read == part.y).mean()
    assert report.train_loss == pytest.approx(log_loss(splits.train.y, model.predict_proba(splits.train.x)))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(splits: Splits) -> None:
    model = fit(splits)
    np.random.default_rng().random()
    np.random.random(3)  # the global generator, which must not matter
    assert same(model, fit(splits))
    assert not same(model, fit(splits, seed=1))


def test_each_epoch_takes_every_sample_once_in_an_order_of_its_own(
    splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[tuple[float, ...]]] = []
    original = MLPClassifier.partial_fit

    def record(self: MLPClassifier, x: FloatArray, y: IntArray, **rest: Any) -> MLPClassifier:
        batches.append([*map(tuple, x.tolist())])
        return original(self, x, y, **rest)

    monkeypatch.setattr(MLPClassifier, "partial_fit", record)
    fit(splits, epochs=2, batch_size=100)
    assert [len(batch) for batch in batches] == [*[100] * 12, 58] * 2
    first, second = list(chain(*batches[:13])), list(chain(*batches[13:]))
    assert sorted(first) == sorted(second) == sorted(map(tuple, splits.train.x.tolist()))
    assert first != second


def test_the_test_part_is_not_looked_at(splits: Splits) -> None:
    part = splits.test
    spoilt = Splits(
        train=splits.train, validation=splits.validation, test=Split(x=np.full_like(part.x, np.nan), y=part.y)
    )
    assert same(fit(splits), fit(spoilt))


def test_training_further_starts_as_a_shorter_training_ends(splits: Splits) -> None:
    assert fit(splits, epochs=4).reports[:2] == tuple(
        EpochReport(
            epoch=report.epoch,
            epochs=4,
            train_loss=report.train_loss,
            train_accuracy=report.train_accuracy,
            validation_accuracy=report.validation_accuracy,
        )
        for report in fit(splits, epochs=2).reports
    )


@pytest.mark.parametrize("batch_size", [1, 7, 201, 1024, 5000])
def test_a_batch_of_any_size_is_one_update(splits: Splits, batch_size: int) -> None:
    model = fit(splits, epochs=1, batch_size=batch_size)
    updates = -(-len(splits.train) // batch_size)
    assert model.classifier._optimizer.t == updates  # type: ignore[attr-defined] # Adam counts its steps


@pytest.mark.parametrize(("hidden_units", "learning_rate"), [(1, 0.001), (1024, 0.001), (16, 1.0)])
def test_the_ends_of_the_ranges_train_without_a_warning(
    splits: Splits, hidden_units: int, learning_rate: float
) -> None:
    model = fit(splits, hidden_units=hidden_units, learning_rate=learning_rate)
    assert [layer.shape for layer in model.weights] == [(64, hidden_units), (hidden_units, 10)]
    assert [layer.shape for layer in model.biases] == [(hidden_units,), (10,)]
    assert all(np.isfinite(layer).all() for layer in (*model.weights, *model.biases))
    assert np.isfinite(model.reports[-1].train_loss)


def test_a_sample_held_for_impossible_has_a_finite_loss(splits: Splits) -> None:
    part = splits.train
    bright = Split(x=part.x * 1e5, y=part.y)  # logits so far apart that a true digit's probability is 0.0
    model = fit(Splits(train=bright, validation=splits.validation, test=splits.test), epochs=1)
    assert (model.predict_proba(bright.x)[np.arange(len(part)), part.y] == 0).any()
    assert np.isfinite(model.reports[0].train_loss)


def test_the_weights_are_read_only_copies(splits: Splits) -> None:
    model = fit(splits)
    before = [layer.copy() for layer in model.weights]
    with pytest.raises(ValueError, match="read-only"):
        model.weights[0][0, 0] = 0.0
    model.classifier.partial_fit(splits.validation.x, splits.validation.y)  # type: ignore[attr-defined]
    assert all(np.array_equal(old, new) for old, new in zip(before, model.weights, strict=True))


def test_what_the_listener_raises_ends_the_training(splits: Splits) -> None:
    heard: list[int] = []

    def stop(report: EpochReport) -> None:
        heard.append(report.epoch)
        if report.epoch == 2:
            raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        fit(splits, epochs=50, on_epoch=stop)
    assert heard == [1, 2]


@pytest.mark.filterwarnings("ignore:Training interrupted by user")
def test_an_interrupt_within_a_batch_ends_the_training(splits: Splits) -> None:
    entered = 0

    def interrupt(frame: FrameType, event: str, _: object) -> None:
        nonlocal entered
        if event == "call" and frame.f_code.co_name == "_backprop":
            entered += 1
            if entered == 5:
                raise KeyboardInterrupt  # as Ctrl-C does, in whatever line it strikes

    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(splits)
    finally:
        sys.settrace(before)
    assert entered == 5
