"""Spherical k-means on unit vectors: sub-topics of an expert. Plain NumPy, so that a server need not load scikit-learn.

Legend: N vectors, D dimensions, K clusters.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector

Labels = npt.NDArray[np.intp]


def spherical_clusters(vectors_ND: Vector, count: int, *, seed: int = 0, rounds: int = 15) -> tuple[Labels, Vector]:
    """Labels (N,) and unit centres (K, D); K is `count` or fewer, and no cluster is empty. Deterministic by seed."""
    count = max(1, min(count, len(vectors_ND)))
    centres_KD = vectors_ND[_spread_seeds(vectors_ND, count, np.random.default_rng(seed))]
    labels = np.full(len(vectors_ND), -1, dtype=np.intp)
    for _ in range(rounds):
        nearest = (vectors_ND @ centres_KD.T).argmax(axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        centres_KD = unit(_sums(vectors_ND, labels, len(centres_KD)), fallback=centres_KD)
    used, labels = np.unique((vectors_ND @ centres_KD.T).argmax(axis=1), return_inverse=True)
    labels = labels.reshape(-1)
    return labels, unit(_sums(vectors_ND, labels, len(used)), fallback=centres_KD[used])


def unit(vectors_KD: Vector, *, fallback: Vector | None = None) -> Vector:
    """Rows at length one; a row of no length takes `fallback`'s."""
    norms_K1 = np.linalg.norm(vectors_KD, axis=1, keepdims=True)
    scaled_KD = vectors_KD / np.maximum(norms_K1, 1e-12)
    if fallback is not None:
        scaled_KD = np.where(norms_K1 > 1e-9, scaled_KD, fallback)
    return np.asarray(scaled_KD, dtype=np.float32)


def _sums(vectors_ND: Vector, labels: Labels, count: int) -> Vector:
    sums_KD = np.zeros((count, vectors_ND.shape[1]), dtype=np.float32)
    np.add.at(sums_KD, labels, vectors_ND)
    return sums_KD


def _spread_seeds(vectors_ND: Vector, count: int, random: np.random.Generator) -> list[int]:
    """k-means++ (Arthur and Vassilvitskii, 2007) with the squared chord, 2 - 2 cos."""
    chosen = [int(random.integers(len(vectors_ND)))]
    distances_N = 2 - 2 * (vectors_ND @ vectors_ND[chosen[0]])
    while len(chosen) < count:
        weights_N = np.maximum(distances_N, 0).astype(np.float64)
        weights_N[weights_N < 1e-6] = 0
        if weights_N.sum() == 0:
            break  # fewer distinct vectors than clusters
        chosen.append(int(random.choice(len(vectors_ND), p=weights_N / weights_N.sum())))
        distances_N = np.minimum(distances_N, 2 - 2 * (vectors_ND @ vectors_ND[chosen[-1]]))
    return chosen
