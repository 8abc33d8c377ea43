"""The kinds of head behind one interface: each makes rows (and a trunk, if it has one) from features and labels.

Legend: N texts, D dimensions of the encoder, F features, H hidden units, R rows, E experts.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.gate.card import HeadKind
from doyen_router.gate.clusters import unit
from doyen_router.gate.gate import Rows
from doyen_router.gate.mlp import HiddenLayer, trained_layer

Indexes = npt.NDArray[np.intp]

INVERSE_REGULARISATION = 10.0
# Logits of cosines; the temperature finds the rest.
PROTOTYPE_SLOPE = 20.0
NEIGHBOUR_SLOPE = 25.0
# A gate of neighbours keeps so many texts, spread over the rows: more would make each decision slow.
MOST_NEIGHBOURS = 2048


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """`lexical_weight` is how much the words' sketch counts beside the encoder; `fineness` as in
    `planned_rows`."""

    kind: HeadKind = "linear"
    lexical_weight: float = 0.5
    fineness: float = 0.4


@dataclass(frozen=True)
class TrainedHead:
    """`row_labels_R` is which row of the plan each row is for: a kind may make several of one, in their order."""

    rows: Rows
    row_labels_R: Indexes
    trunk_HD: Vector = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    trunk_bias_H: Vector = field(default_factory=lambda: np.zeros(0, np.float32))


@dataclass(frozen=True)
class LinearParts:
    """The regressions on the encoder's part and on the words', each made to tell the experts apart alone.

    Learned jointly, the words would hide behind the meanings, and add less.
    """

    weights_RD: Vector
    bias_R: Vector
    words_RL: Vector
    words_bias_R: Vector

    def head(self, lexical_weight: float, prototypes_RD: Vector) -> TrainedHead:
        weights_RF = np.concatenate([self.weights_RD, lexical_weight * self.words_RL], axis=1)
        bias_R = self.bias_R + lexical_weight * self.words_bias_R
        rows = Rows(weights_RF.astype(np.float32), bias_R.astype(np.float32), prototypes_RD)
        return TrainedHead(rows, np.arange(len(bias_R), dtype=np.intp))


def trained_head(
    spec: HeadSpec,
    features_NF: Vector,
    dimensions: int,
    row_N: Indexes,
    *,
    seed: int,
    parts: LinearParts | None = None,
) -> TrainedHead:
    """At least two rows, each with an example. `dimensions` is D: the first of the features are the encoder's.

    `parts` are the linear ones of the same features and rows, when they are there already.
    """
    vectors_ND, sketches_NL = np.split(features_NF, [dimensions], axis=1)
    if spec.kind == "prototype":
        rows_R = np.arange(int(row_N.max()) + 1, dtype=np.intp)
        return _nearest(spec, PROTOTYPE_SLOPE, prototypes(vectors_ND, row_N), prototypes(sketches_NL, row_N), rows_R)
    if spec.kind == "knn":
        kept = _kept_neighbours(row_N, seed)
        return _nearest(spec, NEIGHBOUR_SLOPE, vectors_ND[kept], sketches_NL[kept], row_N[kept])
    if parts is None:
        parts = linear_parts(features_NF, dimensions, row_N)
        parts = with_words(parts, features_NF, dimensions, row_N) if spec.lexical_weight else parts
    linear = parts.head(spec.lexical_weight, prototypes(vectors_ND, row_N))
    if spec.kind == "linear":
        return linear
    return _with_layer(linear, trained_layer(vectors_ND, row_N, seed=seed), dimensions)


def linear_parts(features_NF: Vector, dimensions: int, row_N: Indexes) -> LinearParts:
    """Without the words, which weigh nothing until `with_words`."""
    weights_RD, bias_R = softmax_regression(features_NF[:, :dimensions], row_N)
    silent_RL = np.zeros((len(bias_R), features_NF.shape[1] - dimensions), dtype=np.float32)
    return LinearParts(weights_RD, bias_R, silent_RL, np.zeros_like(bias_R))


def with_words(parts: LinearParts, features_NF: Vector, dimensions: int, row_N: Indexes) -> LinearParts:
    words_RL, words_bias_R = softmax_regression(features_NF[:, dimensions:], row_N)
    return replace(parts, words_RL=words_RL, words_bias_R=words_bias_R)


def softmax_regression(inputs_NX: Vector, row_N: Indexes) -> tuple[Vector, Vector]:
    """Multinomial logistic regression: weights (R, X) and biases (R,)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=300)
    with warnings.catch_warnings():
        # Many fine labels of few examples each are meant, and no regression.
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        model.fit(inputs_NX, row_N)
    weights_RX, bias_R = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(weights_RX) == 1:
        # For two classes scikit-learn keeps one row, the difference of the two.
        weights_RX, bias_R = np.concatenate([-weights_RX, weights_RX]) / 2, np.concatenate([-bias_R, bias_R]) / 2
    return weights_RX.astype(np.float32), bias_R.astype(np.float32)


def prototypes(vectors_NX: Vector, row_N: Indexes) -> Vector:
    """The unit mean of each row's texts, (R, X)."""
    sums_RX = np.zeros((int(row_N.max()) + 1, vectors_NX.shape[1]), dtype=np.float32)
    np.add.at(sums_RX, row_N, vectors_NX)
    return unit(sums_RX)


def _with_layer(linear: TrainedHead, layer: HiddenLayer, dimensions: int) -> TrainedHead:
    """Half each of what the linear rows and the hidden units say of the encoder's part; all of what the words say."""
    weights_RW = np.concatenate([linear.rows.weights_RW, layer.weights_RH / 2], axis=1)
    weights_RW[:, :dimensions] /= 2
    rows = linear.rows._replace(
        weights_RW=weights_RW, bias_R=np.asarray(linear.rows.bias_R + layer.bias_R / 2, np.float32)
    )
    return TrainedHead(rows, linear.row_labels_R, layer.trunk_HD, layer.trunk_bias_H)


def _kept_neighbours(row_N: Indexes, seed: int) -> Indexes:
    random = np.random.default_rng(seed)
    rows = int(row_N.max()) + 1
    most = max(1, MOST_NEIGHBOURS // rows)
    return np.concatenate([np.sort(random.permutation(np.flatnonzero(row_N == row))[:most]) for row in range(rows)])


def _nearest(
    spec: HeadSpec, slope: float, vectors_RD: Vector, sketches_RL: Vector, row_labels_R: Indexes
) -> TrainedHead:
    """Every vector is a row; the softness of the maximum over an expert's rows makes the nearest count most."""
    weights_RF = slope * np.concatenate([vectors_RD, spec.lexical_weight * sketches_RL], axis=1)
    # Among the many rows of one label each counts for its share, so that a large label is not louder for its size.
    bias_R = -np.log(np.bincount(row_labels_R)[row_labels_R])
    return TrainedHead(Rows(weights_RF.astype(np.float32), bias_R.astype(np.float32), vectors_RD), row_labels_R)
