"""A newcomer's rows from a few texts: prototypes of them, and one direction that tells all of them from the others.

A row's logit is slope x similarity to a prototype, plus the direction, which all rows share. The direction is a
logistic regression against sampled texts of the others, whose logits stay as they are; each own text is left out of its
own prototype meanwhile, else there would be nothing to learn from it. It knows no names and no gate.
Legend: N own texts, S references of the others, R rows, D dimensions of the encoder, F features, T texts in the fit.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.gate.clusters import spherical_clusters, unit
from doyen_router.gate.inside import Doubles, energies

Indexes = npt.NDArray[np.intp]

# How much the words' sketch counts beside the encoder: in the similarity, and in the direction.
SKETCH_IN_SIMILARITY = 0.25
SKETCH_IN_DIRECTION = 0.6
RIDGE = 0.2
# The card's slope is for so many examples. More of them lie nearer, and let a row reach less far.
USUAL_EXAMPLES = 10
SLOPE_GROWTH = 0.15
# What an own text would score when there is no second one to measure by.
LONE_SIMILARITY = 0.45
# Texts of the others that lie far off teach nothing.
HARDEST = 512
CONSTANT = 3.0
STEPS = 15
FOLDS = 5
NOWHERE = -1e4
# Around the wanted loss, since a single quantile of a few hundred texts is noise.
BAND = (0.5, 4.0)
BAND_STEPS = 15


class Others(NamedTuple):
    """Texts of the experts already there, and the best of their logits for each. `experts` is how many they are."""

    features_SF: Vector
    best_S: Doubles
    experts: int


class Prototypes(NamedTuple):
    """`features_RF` have both parts at unit length; `offsets_R` are added to logits."""

    features_RF: Vector
    offsets_R: Vector


class NewRows(NamedTuple):
    """Without a bias yet. `own_N` are the logits of own texts by rows and a direction that were made without them."""

    weights_RF: Vector
    offsets_R: Vector
    own_N: Doubles

    def logits(self, features_NF: Vector) -> Doubles:
        return energies(features_NF @ self.weights_RF.T + self.offsets_R)


def slope_for(slope: float, examples: int) -> float:
    return slope * math.pow(max(examples, 1) / USUAL_EXAMPLES, SLOPE_GROWTH)


def prototypes_of(features_NF: Vector, most: int, dimensions: int) -> tuple[Indexes, Vector]:
    """The row of each text (N,), and the rows' unit means (R, F); each text is a row when they are `most` at most."""
    labels_N, centres_RD = spherical_clusters(features_NF[:, :dimensions], most)
    sums_RF = np.zeros((len(centres_RD), features_NF.shape[1]), dtype=np.float32)
    np.add.at(sums_RF, labels_N, features_NF)
    return labels_N, np.concatenate([centres_RD, unit(sums_RF[:, dimensions:])], axis=1)


def own_similarities(own_NF: Vector, labels_N: Indexes, prototypes_RF: Vector, scales_F: Vector) -> Vector:
    """Products (N, R) of own texts with the rows, each text's own row made without it (`NOWHERE` if nothing is left).

    `scales_F` weighs the features. The rows of `labels_N` come first in `prototypes_RF`.
    """
    similarities_NR = (own_NF * scales_F) @ prototypes_RF.T
    counts_R = np.bincount(labels_N)
    sums_RF = np.zeros((len(counts_R), own_NF.shape[1]), dtype=np.float32)
    np.add.at(sums_RF, labels_N, own_NF)
    rest_NF = sums_RF[labels_N] - own_NF
    is_sketch_F = scales_F < 1
    rest_NF = np.concatenate([unit(rest_NF[:, ~is_sketch_F]), unit(rest_NF[:, is_sketch_F])], axis=1)
    rest_N = np.where(counts_R[labels_N] > 1, np.vecdot(rest_NF, own_NF * scales_F), NOWHERE)
    similarities_NR[np.arange(len(own_NF)), labels_N] = rest_N
    return similarities_NR.astype(np.float32, copy=False)


def new_rows(
    own_NF: Vector,
    labels_N: Indexes,
    own_best_N: Doubles,
    prototypes: Prototypes,
    others: Others,
    *,
    slope: float,
    dimensions: int,
    learns: bool = True,
    measures: bool = True,
) -> NewRows:
    """`own_best_N` is the best of the others' logits for each own text.

    Without `learns` there is no direction: own texts that are passages would teach it the style of documents. Without
    `measures` the logits of own texts come from the direction that they taught.
    """
    scales_F = scaled(own_NF.shape[1], dimensions, SKETCH_IN_SIMILARITY)
    weights_RF = (slope * scales_F * prototypes.features_RF).astype(np.float32)
    own_NR = own_similarities(own_NF, labels_N, prototypes.features_RF, scales_F)
    alone_N = own_NR.max(axis=1) <= NOWHERE
    own_N = energies(slope * own_NR + prototypes.offsets_R)
    own_N[alone_N] = slope * LONE_SIMILARITY * np.vecdot(own_NF * scales_F, own_NF)[alone_N]
    if not learns or not len(others.best_S):
        return NewRows(weights_RF, prototypes.offsets_R, own_N)
    leads_S = energies(others.features_SF @ weights_RF.T + prototypes.offsets_R) - others.best_S
    hardest = np.argsort(-leads_S, kind="stable")[:HARDEST]
    middle_F = others.features_SF.mean(axis=0)
    widths_F = scaled(own_NF.shape[1], dimensions, SKETCH_IN_DIRECTION)
    texts_TF = (np.concatenate([others.features_SF[hardest], own_NF]) - middle_F) * widths_F
    is_own_T = np.arange(len(texts_TF)) >= len(hardest)
    leads_T = np.concatenate([leads_S[hardest], own_N - own_best_N])
    # All own texts together weigh as much as those of one of the others.
    own_weight = len(others.best_S) / max(others.experts, 1) / len(own_NF)
    fit = _Fit(texts_TF, is_own_T, leads_T, np.where(is_own_T, own_weight, 1.0))
    direction_F = fit.direction(np.ones(len(texts_TF), dtype=np.bool_))
    moved_N = (own_NF - middle_F) * widths_F @ direction_F
    if measures and len(own_NF) > 1:
        turn_N = np.arange(len(own_NF)) % FOLDS
        for turn in range(min(FOLDS, len(own_NF))):
            kept_T = np.concatenate([np.ones(len(hardest), dtype=np.bool_), turn_N != turn])
            held_F = fit.direction(kept_T)
            moved_N[turn_N == turn] = (own_NF[turn_N == turn] - middle_F) * widths_F @ held_F
    elif measures:
        moved_N[:] = 0
    shift = float(middle_F @ (widths_F * direction_F))
    return NewRows(
        (weights_RF + widths_F * direction_F).astype(np.float32), prototypes.offsets_R, own_N + moved_N + shift
    )


def scaled(features: int, dimensions: int, sketch: float) -> Vector:
    """1 for the encoder's features, `sketch` for those of the words, (F,)."""
    return np.where(np.arange(features) < dimensions, 1, sketch).astype(np.float32)


def lead_at(leads_S: Doubles, loss: float) -> float:
    """The lead that about the share `loss` of texts stays below; the mean of several such round it."""
    shares = np.minimum(np.linspace(BAND[0] * loss, BAND[1] * loss, BAND_STEPS), 1)
    return float(np.quantile(leads_S, shares).mean())


class _Fit:
    """Logistic regression with fixed leads, in its dual: there are fewer texts than features, and few steps.

    Newton's method as in Rasmussen and Williams 2006, algorithm 3.1, where the kernel is linear. A constant is among
    the features; it is not part of the direction, since the bias is set afterwards.
    """

    def __init__(self, texts_TF: Vector, is_own_T: npt.NDArray[np.bool_], leads_T: Doubles, weights_T: Doubles) -> None:
        self.texts_TF, self.is_own_T, self.leads_T, self.weights_T = texts_TF, is_own_T, leads_T, weights_T
        self.kernel_TT = ((texts_TF @ texts_TF.T).astype(np.float64) + CONSTANT**2) / RIDGE

    def direction(self, kept_T: npt.NDArray[np.bool_]) -> Vector:
        kernel_TT = self.kernel_TT[np.ix_(kept_T, kept_T)]
        sign_T = np.where(self.is_own_T[kept_T], 1.0, -1.0)
        leads_T, weights_T = self.leads_T[kept_T], self.weights_T[kept_T]

        def loss(dual_T: Doubles, moved_T: Doubles) -> float:
            misfit = weights_T @ np.logaddexp(0, -sign_T * (leads_T + moved_T))
            return float(misfit + dual_T @ moved_T / 2)

        dual_T = np.zeros(len(sign_T))
        moved_T = np.zeros(len(sign_T))
        best = loss(dual_T, moved_T)
        for _ in range(STEPS):
            wrong_T = 1 / (1 + np.exp(np.clip(sign_T * (leads_T + moved_T), -500, 500)))
            curve_T = weights_T * wrong_T * (1 - wrong_T)
            root_T = np.sqrt(curve_T)
            target_T = curve_T * moved_T + weights_T * sign_T * wrong_T
            system_TT = root_T[:, None] * kernel_TT * root_T
            system_TT[np.diag_indices(len(root_T))] += 1
            step_T = target_T - root_T * np.linalg.solve(system_TT, root_T * (kernel_TT @ target_T)) - dual_T
            moving_T = kernel_TT @ step_T
            share = 1.0
            while (reached := loss(dual_T + share * step_T, moved_T + share * moving_T)) > best and share > 1e-3:
                share /= 2
            if best - reached < 1e-4 * best:
                break
            dual_T, moved_T, best = dual_T + share * step_T, moved_T + share * moving_T, reached
        return np.asarray(dual_T @ self.texts_TF[kept_T] / RIDGE, dtype=np.float32)
