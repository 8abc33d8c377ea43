"""How far a newcomer's prototypes reach: which texts count as in its domain.

Legend: N own texts, S references of the gate, E experts, R rows, D dimensions of the encoder, F features.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.gate.card import InsideScale
from doyen_router.gate.inside import Doubles, InsideFeatures, energies, neighbourhood, raw_scores
from doyen_router.gate.newcomer import LONE_SIMILARITY, Indexes, Prototypes, own_similarities, scaled
from doyen_router.gate.references import SAME

Floats = npt.NDArray[np.floating]

# Nine in ten of a normal distribution lie above the mean less so many deviations.
INSIDE_DEVIATIONS = 1.28
STRETCHES = np.linspace(1.0, 1.8, 17)


def stretch(scale: InsideScale, known: InsideFeatures, nearest_N: Doubles) -> float:
    """What a newcomer's nearness is multiplied by.

    Own texts lie further from a few prototypes than those of the trained experts do from theirs. So nearness is
    lengthened until about nine in ten of them count as in-domain, within a bound that keeps strangers out. `known` is
    what they are to the gate: with the newcomer's rows in the energy, but not in the nearness.
    """
    if not scale.nearness_weight:
        return 1.0
    # Of a few texts, the share inside is hardly known: as if they lay normally, and their mean a standard error lower.
    deviations = INSIDE_DEVIATIONS + 1 / math.sqrt(len(nearest_N))
    for factor in STRETCHES.tolist():
        raw_N = raw_scores(scale, known._replace(nearness_N=np.maximum(known.nearness_N, factor * nearest_N)))
        spread = max(float(raw_N.std()), (scale.score_at_high - scale.score_at_half) / 2)
        if float(raw_N.mean()) - deviations * spread >= scale.score_at_half:
            return float(factor)
    return float(STRETCHES[-1])


def seen_by_gate(logits_NE: Floats, nearness_NE: Floats, own_ND: Vector, references_SD: Vector) -> InsideFeatures:
    """What own texts are to the gate: `logits_NE` with the newcomer's, `nearness_NE` of the experts there before.

    Of the neighbours a text itself is none.
    """
    cosines_NS = own_ND @ np.concatenate([references_SD, own_ND]).T
    return InsideFeatures(
        energies(logits_NE.astype(np.float32)),
        nearness_NE.max(axis=1, initial=-1).astype(np.float64),
        neighbourhood(np.where(cosines_NS > SAME, -1, cosines_NS).astype(np.float32)),
    )


def nearest_cosines(own_NF: Vector, labels_N: Indexes, prototypes: Prototypes, dimensions: int) -> Doubles:
    """The best cosine of each own text to the prototypes, its own made without it, (N,)."""
    if len(own_NF) == 1:
        return np.array([LONE_SIMILARITY])
    vectors_ND, prototypes_RD = own_NF[:, :dimensions], prototypes.features_RF[:, :dimensions]
    cosines_NR = own_similarities(vectors_ND, labels_N, prototypes_RD, scaled(dimensions, dimensions, 1.0))
    return np.asarray(cosines_NR.max(axis=1), dtype=np.float64)
