"""Figures of a classification: per label, and of telling inside from outside. Legend: N texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indexes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class LabelMeasures:
    """`count` is the number of true texts of the label; a share without a denominator is zero."""

    count: int
    precision: float
    recall: float
    f1: float


def per_label(labels_N: Indexes, predicted_N: Indexes, labels: int) -> list[LabelMeasures]:
    measures: list[LabelMeasures] = []
    for label in range(labels):
        true, guessed = labels_N == label, predicted_N == label
        hits = int((true & guessed).sum())
        count, guesses = int(true.sum()), int(guessed.sum())
        f1 = 2 * hits / (count + guesses) if count + guesses else 0.0
        measures.append(LabelMeasures(count, hits / guesses if guesses else 0.0, hits / count if count else 0.0, f1))
    return measures


def fpr95(inside_N: npt.NDArray[np.floating], outside_N: npt.NDArray[np.floating]) -> float:
    """The share of outside texts let in at the threshold that keeps 95 % of the inside ones."""
    return float((outside_N >= np.quantile(inside_N, 0.05)).mean())


def average_precision(positive_N: npt.NDArray[np.floating], negative_N: npt.NDArray[np.floating]) -> float:
    """Area under the precision-recall curve, by steps at distinct scores; positives should score high."""
    scores = np.concatenate([positive_N, negative_N])
    true = np.concatenate([np.ones(len(positive_N)), np.zeros(len(negative_N))])
    order = np.argsort(-scores, kind="stable")
    scores, true = scores[order], true[order]
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    hits = np.cumsum(true)[ends]
    precision, recall = hits / (ends + 1), hits / len(positive_N)
    return float((np.diff(recall, prepend=0.0) * precision).sum())
