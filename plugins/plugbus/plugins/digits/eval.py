"""How well a model recognises a part of the data, as numbers and as two pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .data import FloatArray, IntArray, Split

from .data import SIDE

DPI = 150
MAX_SHOWN = 40  # mistakes in the picture; more can't be told apart
SHOWN_PER_ROW = 8
INK = "#1f2933"
MUTED = "#6b7785"
MISTAKE = "#b3400f"


class Classifier(Protocol):
    """What is evaluated: a trained model, or one read from a file."""

    @property
    def classes(self) -> IntArray:
        """The digit of each column of the probabilities, shape ``(10,)``."""
        ...

    def predict_proba(self, x: FloatArray) -> FloatArray:
        """Return the probability of each class, shape ``(n, 10)``, for cells of shape ``(n, 64)``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """How well one digit is recognised.

    Args:
        label: The digit.
        precision: Share of the samples taken for it that are it, 0..1; 0 when none was.
        recall: Share of its samples that were recognised, 0..1.
        f1: Harmonic mean of both.
        support: Samples of it.
    """

    label: int
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """What a model made of one part of the data.

    Args:
        accuracy: Share of the samples that is recognised, 0..1.
        f1_macro: Mean of the digits' F1 scores, 0..1.
        scores: One score a digit, in their order.
        confusion: Samples by true digit (rows) and predicted digit (columns), shape ``(10, 10)``.
        predicted: The digit predicted for each sample, shape ``(n,)``.
        misclassified: Positions of the mistaken samples, ascending.
    """

    accuracy: float
    f1_macro: float
    scores: tuple[ClassScore, ...]
    confusion: IntArray
    predicted: IntArray
    misclassified: IntArray

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics under the names they are tracked by."""
        return {"test_accuracy": self.accuracy, "test_f1_macro": self.f1_macro}


def evaluate(model: Classifier, part: Split) -> Evaluation:
    """Let a model predict a part of the data and measure what it made of it."""
    import numpy as np
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    classes = model.classes
    predicted: IntArray = classes[model.predict_proba(part.x).argmax(axis=1)]
    # A digit that is never predicted has no precision: 0, and no warning; the library's types know only "warn".
    columns = map(
        np.asarray,
        precision_recall_fscore_support(
            part.y,
            predicted,
            labels=classes,
            zero_division=0,  # pyright: ignore[reportArgumentType]
        ),
    )
    scores = tuple(
        ClassScore(
            label=int(label), precision=float(precision), recall=float(recall), f1=float(f1), support=int(support)
        )
        for label, precision, recall, f1, support in zip(classes, *columns, strict=True)
    )
    return Evaluation(
        accuracy=float(accuracy_score(part.y, predicted)),
        f1_macro=sum(score.f1 for score in scores) / len(scores),
        scores=scores,
        confusion=np.asarray(confusion_matrix(part.y, predicted, labels=classes), dtype=np.int64),
        predicted=predicted,
        misclassified=np.flatnonzero(predicted != part.y).astype(np.int64),
    )


def summarise(evaluation: Evaluation) -> dict[str, object]:
    """Return an evaluation as JSON can hold it."""
    return {
        **evaluation.metrics,
        "samples": len(evaluation.predicted),
        "misclassified": len(evaluation.misclassified),
        "per_class": {
            str(score.label): {
                "precision": score.precision,
                "recall": score.recall,
                "f1": score.f1,
                "support": score.support,
            }
            for score in evaluation.scores
        },
        "confusion_matrix": evaluation.confusion.tolist(),
    }


def draw_confusion(evaluation: Evaluation) -> bytes:
    """Return a PNG of the confusion matrix: counts, what is right in blue, mistakes in orange."""
    import numpy as np
    from matplotlib.figure import Figure

    counts = evaluation.confusion
    labels = [str(score.label) for score in evaluation.scores]
    right = np.eye(len(labels), dtype=bool)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(7.0, 7.2), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    axes.imshow(np.ma.masked_where(~right, share), cmap="Blues", vmin=0, vmax=1.25)
    worst = max(float(share[~right].max()), 0.1)
    axes.imshow(np.ma.masked_where(right | (counts == 0), share), cmap="Oranges", vmin=-worst / 3, vmax=1.2 * worst)
    for (row, column), count in np.ndenumerate(counts):
        on_diagonal = row == column
        if count or on_diagonal:
            on_dark = share[row, column] > (0.6 if on_diagonal else 0.9 * worst)
            color = "white" if on_dark and count else INK
            axes.text(column, row, str(count), ha="center", va="center", fontsize=11, color=color)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#dde3ea", linewidth=0.8)
    axes.tick_params(which="both", length=0, labelsize=11, colors=INK)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted digit", fontsize=12, color=INK, labelpad=8)
    axes.set_ylabel("true digit", fontsize=12, color=INK, labelpad=8)
    total, mistakes = len(evaluation.predicted), len(evaluation.misclassified)
    axes.set_title(
        f"{total - mistakes} of {total} samples recognised: accuracy {evaluation.accuracy:.1%}",
        fontsize=13,
        color=INK,
        pad=12,
    )
    return _png(figure)


def draw_misclassified(evaluation: Evaluation, part: Split) -> bytes:
    """Return a PNG of the mistaken samples with their true and predicted digit, or one that says there are none.

    Args:
        evaluation: What a model made of the part.
        part: The part it was given.
    """
    from matplotlib.figure import Figure

    mistakes = evaluation.misclassified
    shown = mistakes[:MAX_SHOWN]
    if not len(shown):
        figure = Figure(figsize=(8.0, 2.4), facecolor="white")
        figure.text(0.5, 0.55, "No misclassified samples", ha="center", fontsize=16, color=INK)
        figure.text(0.5, 0.36, f"all {len(part)} samples are recognised", ha="center", fontsize=12, color=MUTED)
        return _png(figure)
    rows = -(-len(shown) // SHOWN_PER_ROW)
    figure = Figure(figsize=(1.25 * SHOWN_PER_ROW, 1.5 * rows + 0.6), layout="constrained", facecolor="white")
    count = f"{len(shown)} of {len(mistakes)}" if len(shown) < len(mistakes) else str(len(mistakes))
    figure.suptitle(
        f"{count} misclassified of {len(part)} samples: true digit, and what it was taken for",
        x=0.003,
        ha="left",
        fontsize=13,
        color=INK,
    )
    grid = figure.subplots(rows, SHOWN_PER_ROW, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, index in zip(grid.flat, shown, strict=False):
        axes.set_axis_on()
        axes.imshow(part.x[index].reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=1)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color("#c5ced8")
        axes.set_title(
            f"{part.y[index]} \N{RIGHTWARDS ARROW} {evaluation.predicted[index]}", fontsize=12, color=MISTAKE
        )
    return _png(figure)


def _png(figure: Figure) -> bytes:
    """Return a figure as PNG, drawn by its own canvas: no global state, so any thread may draw."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    # Without the library's version in it, the same figure gives the same bytes.
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.25, metadata={"Software": None})
    return buffer.getvalue()
