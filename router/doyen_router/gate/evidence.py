"""Evidence: what the experts' own stores hold of a text, before any of them is asked.

A sketch of each store, some of its passages, lies in the gate (`sketch.py`), so that no hop to a worker is needed. An
expert's evidence rests on its own passages alone; the margin over the others is made by the softmax.
Legend: D dimensions, P passages of all experts, E experts, H of them hold passages, N texts, K evidence features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.gate.card import EvidenceScale

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.intp]

COVERAGE = 3  # how many of the nearest passages say whether a subject is covered, or touched once

# In logits for a cosine of 1: good on encyclopaedia articles, medical answers and software documents alike, while half
# or double as much was best on some.
USUAL_WEIGHT = 10.0
MOST_WEIGHT = 25.0
USUAL_MEAN = 0.3
BOUND = 8.0
WEIGHT_DEVIATION = 6.0
# Exponential, so that coverage gets no weight at all, and costs no time, where it tells next to nothing.
COVERAGE_PRIOR_MEAN = 2.0
LOG_SHARPNESS_DEVIATION = 0.7
# The usual mean counts as much as so many texts; and with fewer texts than FEWEST that no document's headings gave
# away, those that were made of documents are taken too.
MEAN_PRIOR_COUNT = 10
FEWEST = 40

USUAL = EvidenceScale(
    top_weight=USUAL_WEIGHT, top_mean=USUAL_MEAN, coverage_weight=0.0, coverage_mean=USUAL_MEAN, bound=BOUND
)


def evidence(scale: EvidenceScale, passages_PD: Vector, counts_E: Counts, vector_D: Vector) -> Floats:
    """What the store of each expert adds to its logit, (E,); nothing for an expert without passages."""
    cosines_1P = np.vecdot(passages_PD, vector_D)[None, :]
    # Without a weight on it, coverage is not worth its time on the way of a request.
    if scale.coverage_weight:
        top_1E, coverage_1E = retrieved(cosines_1P, counts_E)
    else:
        top_1E = coverage_1E = _best(cosines_1P, counts_E)
    logits_1E = evidence_logits(scale, top_1E, coverage_1E, counts_E)
    return logits_1E.reshape(-1)


def retrieved(cosines_NP: Floats, counts_E: Counts) -> tuple[Floats, Floats]:
    """The best cosine of each expert's passages, and the mean of the best few, (N, E) each; 0 without passages."""
    top_NE = _best(cosines_NP, counts_E)
    coverage_NE = np.zeros_like(top_NE)
    holders_H = np.flatnonzero(counts_E)
    if not len(holders_H):
        return top_NE, coverage_NE
    counts_H1 = counts_E[holders_H][:, None]
    turns = np.arange(max(int(counts_H1.max()), COVERAGE))[None, :]
    places = np.cumsum(counts_H1)[:, None] - counts_H1 + np.minimum(turns, counts_H1 - 1)
    cosines_NHT = np.where(turns < counts_H1, cosines_NP[:, places], -np.inf)
    best_NHK = np.partition(cosines_NHT, -COVERAGE, axis=2)[:, :, -COVERAGE:]
    # In one order always, so that an expert's sum is the same to the bit whatever the others hold.
    best_NHK.sort(axis=2)
    sums_NH = np.where(np.isfinite(best_NHK), best_NHK, 0).sum(axis=2)
    coverage_NE[:, holders_H] = sums_NH / np.minimum(counts_H1[:, 0], COVERAGE)
    return top_NE, coverage_NE


def without_own_document(
    cosines_NP: Floats, counts_E: Counts, groups_N: Sequence[str | None], documents_P: Sequence[str]
) -> Floats:
    """For measuring: a text that was made of a document must not find that document, since users' own texts would not.

    The cosines with passages of a text's own group become -1, unless an expert's passages are all of that group.
    """
    if not any(group is not None for group in groups_N):
        return cosines_NP
    numbers = {document: number for number, document in enumerate(dict.fromkeys(documents_P))}
    document_P = np.array([numbers[document] for document in documents_P], dtype=np.intp)
    group_N = np.array([-1 if group is None else numbers.get(group, -1) for group in groups_N], dtype=np.intp)
    own_NP = group_N[:, None] == document_P[None, :]
    end = 0
    for count in counts_E.tolist():
        start, end = end, end + count
        own_NP[own_NP[:, start:end].all(axis=1), start:end] = False
    return np.asarray(np.where(own_NP, -1, cosines_NP), dtype=np.float32)


def evidence_logits(scale: EvidenceScale, top_NE: Floats, coverage_NE: Floats, counts_E: Counts) -> Floats:
    raw_NE = scale.top_weight * (top_NE - scale.top_mean)
    if scale.coverage_weight:
        raw_NE = raw_NE + scale.coverage_weight * (coverage_NE - scale.coverage_mean)
    return np.asarray(np.where(counts_E > 0, np.clip(raw_NE, -scale.bound, scale.bound), 0), dtype=np.float32)


def fitted_evidence(
    logits_NE: npt.NDArray[np.floating],
    top_NE: Floats,
    coverage_NE: Floats,
    labels_N: Counts,
    counts_E: Counts,
    *,
    grouped_N: npt.NDArray[np.bool_] | None = None,
) -> EvidenceScale:
    """The weights under which held-out texts are likeliest: conditional logistic regression (McFadden 1974).

    `logits_NE` are held out and without evidence. Weights are not negative, and drawn to `USUAL` by weak priors;
    stores that say nothing get a weight near zero. The means lie midway between what own and foreign stores hold of a
    text, so that an expert without passages is neither favoured nor put behind. Without texts or passages: `USUAL`.

    `grouped_N` are texts made of a document's own headings and names. They flatter its store: where there are too few
    others, such texts may lower weight and mean, and never raise them.
    """
    if len(labels_N) == 0 or len(counts_E) < 2 or not counts_E.any():
        return USUAL
    grouped_N = np.zeros(len(labels_N), dtype=np.bool_) if grouped_N is None else grouped_N
    is_flattered = int((~grouped_N).sum()) < FEWEST and bool(grouped_N.any())
    kept_N = np.ones_like(grouped_N) if is_flattered else ~grouped_N
    logits_NE, top_NE, coverage_NE, labels_N = logits_NE[kept_N], top_NE[kept_N], coverage_NE[kept_N], labels_N[kept_N]

    most_mean, most_weight = (USUAL_MEAN, USUAL_WEIGHT) if is_flattered else (1.0, MOST_WEIGHT)
    top_mean = min(_midway(top_NE, labels_N, counts_E), most_mean)
    coverage_mean = min(_midway(coverage_NE, labels_N, counts_E), most_mean)
    features_NEK = np.stack([top_NE - top_mean, coverage_NE - coverage_mean], axis=2) * (counts_E > 0)[:, None]
    top_weight, coverage_weight = _weights(logits_NE.astype(np.float64), features_NEK.astype(np.float64), labels_N)
    return EvidenceScale(
        top_weight=min(top_weight, most_weight),
        top_mean=top_mean,
        coverage_weight=0.0 if is_flattered else min(coverage_weight, most_weight),
        coverage_mean=coverage_mean,
        bound=BOUND,
    )


def _best(cosines_NP: Floats, counts_E: Counts) -> Floats:
    top_NE = np.zeros((len(cosines_NP), len(counts_E)), dtype=np.float32)
    held_E = counts_E > 0
    if held_E.any():
        starts_H = (np.cumsum(counts_E) - counts_E)[held_E]
        top_NE[:, held_E] = np.maximum.reduceat(cosines_NP, starts_H, axis=1)
    return top_NE


def _midway(found_NE: Floats, labels_N: Counts, counts_E: Counts) -> float:
    own_NE = labels_N[:, None] == np.arange(len(counts_E))
    held_NE = np.broadcast_to(counts_E > 0, own_NE.shape)
    own, foreign = found_NE[own_NE & held_NE], found_NE[~own_NE & held_NE]
    if not len(own) or not len(foreign):
        return USUAL_MEAN
    midway = (float(own.mean()) + float(foreign.mean())) / 2
    return (len(own) * midway + MEAN_PRIOR_COUNT * USUAL_MEAN) / (len(own) + MEAN_PRIOR_COUNT)


def _weights(logits_NE: Doubles, features_NEK: Doubles, labels_N: Counts) -> tuple[float, float]:
    """Of top and coverage, in units of the logits, whose own sharpness is fitted beside them."""
    from scipy.optimize import minimize

    own_N = np.arange(len(labels_N)), labels_N

    def loss(parameters: Doubles) -> tuple[float, Doubles]:
        sharpness, weights_K = np.exp(parameters[0]), parameters[1:]
        scores_NE = sharpness * logits_NE + features_NEK @ weights_K
        scores_NE -= scores_NE.max(axis=1, keepdims=True)
        shares_NE = np.exp(scores_NE)
        shares_NE /= shares_NE.sum(axis=1, keepdims=True)
        value = -float(np.log(np.maximum(shares_NE[own_N], 1e-300)).sum())
        error_NE = shares_NE
        error_NE[own_N] -= 1
        from_one, from_usual = parameters[0] / LOG_SHARPNESS_DEVIATION, (weights_K[0] - USUAL_WEIGHT) / WEIGHT_DEVIATION
        penalty = (from_one**2 + from_usual**2) / 2 + weights_K[1] / COVERAGE_PRIOR_MEAN
        slope = np.concatenate(
            [[sharpness * (error_NE * logits_NE).sum()], np.einsum("ne,nek->k", error_NE, features_NEK)]
        )
        slope += [from_one / LOG_SHARPNESS_DEVIATION, from_usual / WEIGHT_DEVIATION, 1 / COVERAGE_PRIOR_MEAN]
        return (value + float(penalty)) / len(labels_N), slope / len(labels_N)

    start = np.array([0.0, USUAL_WEIGHT, 1.0])
    bounds = [(-3.0, 3.0), (0.0, None), (0.0, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200})
    weights_K = found.x[1:] / np.exp(found.x[0])
    return float(weights_K[0]), float(weights_K[1])
