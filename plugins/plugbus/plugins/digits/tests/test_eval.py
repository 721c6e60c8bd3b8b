"""The metrics of a model, and the pictures drawn of them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("sklearn", reason='needs scikit-learn: pip install "plugbus[sklearn]"')

import numpy as np
from PIL import Image

from plugbus.plugins.digits.data import Split, load_split
from plugbus.plugins.digits.eval import draw_confusion, draw_misclassified, evaluate, summarise
from plugbus.plugins.digits.train import train

if TYPE_CHECKING:
    from plugbus.plugins.digits.data import FloatArray, IntArray

BLUE, ORANGE = (0, 0, 1), (1, 0, 0)  # the channel that leads in each


class Dictated:
    """A classifier whose answers are given: each sample's first cell holds its predicted digit, in sixteenths."""

    classes: IntArray = np.arange(10)

    def predict_proba(self, x: FloatArray) -> FloatArray:
        probabilities: FloatArray = np.eye(10)[np.rint(x[:, 0] * 16).astype(int)]
        return probabilities


def part_of(pairs: list[tuple[int, int]]) -> Split:
    """Return samples by their true and predicted digit."""
    x = np.zeros((len(pairs), 64))
    x[:, 0] = [predicted / 16 for _, predicted in pairs]
    x[:, 16:32] = 1.0
    return Split(x=x, y=np.array([true for true, _ in pairs]))


def pixels(png: bytes) -> IntArray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"), dtype=np.int64)


def tinted(picture: IntArray, lead: tuple[int, int, int]) -> int:
    """Count the pixels in which one end of the spectrum clearly leads the other."""
    red, blue = picture[..., 0], picture[..., 2]
    return int(((blue - red if lead == BLUE else red - blue) > 40).sum())


# Digits 0 to 2: of three 0s one is taken for 1, of two 1s none, and the only 2 is taken for 0. The rest is right.
MIXED = [(0, 0), (0, 1), (0, 0), (1, 1), (1, 1), (2, 0), *((digit, digit) for digit in range(3, 10))]


def test_the_metrics_are_those_computed_by_hand() -> None:
    evaluation = evaluate(Dictated(), part_of(MIXED))
    assert evaluation.accuracy == pytest.approx(11 / 13)
    zero, one, two, *others = evaluation.scores
    assert (zero.precision, zero.recall, zero.f1, zero.support) == pytest.approx((2 / 3, 2 / 3, 2 / 3, 3))
    assert (one.precision, one.recall, one.f1, one.support) == pytest.approx((2 / 3, 1.0, 0.8, 2))
    assert (two.precision, two.recall, two.f1, two.support) == (0.0, 0.0, 0.0, 1)
    assert {(score.precision, score.recall, score.f1, score.support) for score in others} == {(1.0, 1.0, 1.0, 1)}
    assert [score.label for score in evaluation.scores] == list(range(10))
    assert evaluation.f1_macro == pytest.approx((2 / 3 + 0.8 + 0.0 + 7) / 10)
    assert evaluation.metrics == {"test_accuracy": evaluation.accuracy, "test_f1_macro": evaluation.f1_macro}


def test_the_confusion_has_true_digits_in_rows_and_predicted_in_columns() -> None:
    evaluation = evaluate(Dictated(), part_of(MIXED))
    expected = np.eye(10, dtype=int)
    expected[:3, :3] = [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert evaluation.confusion.tolist() == expected.tolist()
    assert evaluation.misclassified.tolist() == [1, 5]
    assert evaluation.predicted[evaluation.misclassified].tolist() == [1, 0]


def test_the_summary_is_json_and_complete() -> None:
    evaluation = evaluate(Dictated(), part_of(MIXED))
    summary = json.loads(json.dumps(summarise(evaluation), allow_nan=False))
    assert summary["test_accuracy"] == evaluation.accuracy
    assert summary["test_f1_macro"] == evaluation.f1_macro
    assert (summary["samples"], summary["misclassified"]) == (13, 2)
    assert summary["per_class"]["1"] == {"precision": 2 / 3, "recall": 1.0, "f1": 0.8, "support": 2}
    assert len(summary["per_class"]) == 10
    assert np.sum(summary["confusion_matrix"]) == 13


def test_a_trained_model_is_evaluated_on_the_test_part() -> None:
    splits = load_split(0.2, 0.1, 0)
    model = train(
        splits, epochs=10, batch_size=32, learning_rate=0.001, hidden_units=64, seed=0, on_epoch=lambda _: None
    )
    evaluation = evaluate(model, splits.test)
    assert 0.9 < evaluation.f1_macro < 1.0
    assert evaluation.accuracy == 1 - len(evaluation.misclassified) / len(splits.test)
    assert evaluation.confusion.sum(axis=1).tolist() == np.bincount(splits.test.y).tolist()


def test_the_confusion_is_drawn_with_right_and_wrong_in_two_colours() -> None:
    picture = pixels(draw_confusion(evaluate(Dictated(), part_of(MIXED))))
    assert min(picture.shape[:2]) > 900
    assert tinted(picture, BLUE) > 20_000
    assert tinted(picture, ORANGE) > 2_000


def test_a_confusion_without_mistakes_is_drawn_without_the_colour_of_mistakes() -> None:
    picture = pixels(draw_confusion(evaluate(Dictated(), part_of([(digit, digit) for digit in range(10)]))))
    assert tinted(picture, BLUE) > 20_000
    assert tinted(picture, ORANGE) == 0


def test_a_confusion_with_a_digit_that_never_occurs_is_drawn() -> None:
    picture = pixels(draw_confusion(evaluate(Dictated(), part_of([(1, 1), (1, 2)]))))
    assert tinted(picture, BLUE) > 2_000
    assert tinted(picture, ORANGE) > 2_000


@pytest.mark.parametrize(("mistakes", "rows"), [(1, 1), (8, 1), (9, 2), (40, 5), (41, 5), (90, 5)])
def test_the_picture_of_mistakes_grows_by_rows_of_eight_up_to_forty(mistakes: int, rows: int) -> None:
    part = part_of([(5, 3)] * mistakes + [(4, 4)])
    picture = pixels(draw_misclassified(evaluate(Dictated(), part), part))
    assert 1400 < picture.shape[1] < 1700
    # A sample's two rows of ink are drawn as about 44 x 175 black pixels, and no text is black.
    black = (picture == 0).all(axis=2)
    assert int(black.sum()) == pytest.approx(min(mistakes, 40) * 44 * 175, rel=0.1)
    assert int((np.diff(black.any(axis=1).astype(int)) == 1).sum()) == rows


def test_the_picture_of_no_mistakes_says_so() -> None:
    part = part_of([(4, 4)] * 5)
    none = pixels(draw_misclassified(evaluate(Dictated(), part), part))
    assert (none < 100).any()  # there is text
    one = part_of([(4, 4)] * 5 + [(4, 5)])
    assert none.shape != pixels(draw_misclassified(evaluate(Dictated(), one), one)).shape


def test_drawing_gives_the_same_bytes_in_many_threads() -> None:
    part = part_of(MIXED)
    evaluation = evaluate(Dictated(), part)

    def draw(_: int) -> tuple[bytes, bytes]:
        return draw_confusion(evaluation), draw_misclassified(evaluation, part)

    expected = draw(0)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(draw, range(8))) == {expected}


DRAW_ALONE = """
import sys
import numpy as np
from plugbus.plugins.digits.eval import ClassScore, Evaluation, draw_confusion
scores = tuple(ClassScore(label=digit, precision=1.0, recall=1.0, f1=1.0, support=1) for digit in range(10))
digits, none = np.arange(10), np.zeros(0, dtype=int)
draw_confusion(Evaluation(
    accuracy=1.0, f1_macro=1.0, scores=scores, confusion=np.eye(10, dtype=int), predicted=digits, misclassified=none
))
print(*sys.modules)
"""


def test_drawing_leaves_pyplot_and_its_global_state_alone() -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", DRAW_ALONE], capture_output=True, text=True, check=True
    )
    assert "matplotlib.backends.backend_agg" in done.stdout.split()
    assert "matplotlib.pyplot" not in done.stdout.split()
