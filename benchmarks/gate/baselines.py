"""What scikit-learn's logistic regression and a mean a domain make of the very vectors that the gate reads.

Legend: N texts, O outside texts, D dimensions of the encoder, C classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from doyen_router import Vector
from doyen_router.gate.calibration import expected_calibration_error, probabilities, reliability
from doyen_router.gate.clusters import unit
from doyen_router.gate.inside import auroc, energies
from doyen_router.gate.measures import fpr95

Floats = npt.NDArray[np.floating]


class OutsideFigures(TypedDict):
    auroc: float
    fpr95: float


class BaselineFigures(TypedDict):
    """Outside texts told by the highest probability, as the issue's table has it, and by the energy of the logits."""

    accuracy: float
    ece: float
    by_probability: OutsideFigures | None
    by_energy: OutsideFigures | None


def regression(vectors_ND: Vector, labels: Sequence[str], *, balanced: bool = False) -> Any:  # Any: sklearn is untyped
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10, max_iter=1000, class_weight="balanced" if balanced else None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        return model.fit(vectors_ND, list(labels))


def regression_figures(
    train_ND: Vector, train_labels: Sequence[str], test_ND: Vector, test_labels: Sequence[str], outside_OD: Vector
) -> BaselineFigures:
    model = regression(train_ND, train_labels)
    logits_NC, shares_NC = _scores(model, test_ND)
    right_N = model.classes_[shares_NC.argmax(axis=1)] == np.array(test_labels)
    figures = BaselineFigures(
        accuracy=float(right_N.mean()),
        ece=expected_calibration_error(reliability(shares_NC.max(axis=1), right_N)),
        by_probability=None,
        by_energy=None,
    )
    if len(outside_OD):
        outside_logits_OC, outside_shares_OC = _scores(model, outside_OD)
        figures["by_probability"] = _outside(shares_NC.max(axis=1), outside_shares_OC.max(axis=1))
        figures["by_energy"] = _outside(energies(logits_NC), energies(outside_logits_OC))
    return figures


def nearest_mean(train_ND: Vector, train_labels: Sequence[str], test_ND: Vector) -> list[str]:
    """The label whose texts' unit mean is nearest: one centroid a label."""
    names, label_N = np.unique(np.array(train_labels), return_inverse=True)
    means_CD = unit(np.stack([train_ND[label_N == label].sum(axis=0) for label in range(len(names))]))
    return [str(name) for name in names[(test_ND @ means_CD.T).argmax(axis=1)]]


def _outside(inside_N: Floats, outside_O: Floats) -> OutsideFigures:
    return OutsideFigures(auroc=auroc(inside_N, outside_O), fpr95=fpr95(inside_N, outside_O))


def _scores(model: Any, vectors_ND: Vector) -> tuple[npt.NDArray[np.float32], Floats]:  # Any: sklearn is untyped
    logits = np.asarray(model.decision_function(vectors_ND))
    # For two classes there is one column, for the second.
    logits_NC = np.stack([-logits / 2, logits / 2], axis=1) if logits.ndim == 1 else logits
    return logits_NC.astype(np.float32), probabilities(logits_NC, 1.0)
