"""Kernel ridge regression, and the choice of its kernel by cross-validation.

Held-out errors come from the full solution in closed form, fold by fold (Rasmussen and Williams 2006, section 5.4.2,
extended from one left-out text to a fold). Legend: N texts, E experts, P = D + F, M held-out texts of a fold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.quality.card import Kernel
from doyen_router.quality.model import Floats, FormScale, likeness, places

Doubles = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

FOLDS = 5
SHARPNESS = (1.0, 2.0)
FORM_SHARES = (0.0, 0.5)
RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True, slots=True, eq=False)
class ChosenKernel:
    """`predicted_NE` are held-out predictions of the targets; NaN where the target is."""

    kernel: Kernel
    predicted_NE: Doubles
    error: float


def solved(likeness_NN: Floats, ridge: float, targets_NE: Doubles) -> Floats:
    """Weights (E, N) over the landmarks. A NaN target has no part in its expert's solution: its weight is zero."""
    weights_EN = np.zeros((targets_NE.shape[1], len(targets_NE)), np.float32)
    present_NE = np.isfinite(targets_NE)
    # Experts scored on the same texts share one factorisation.
    for pattern_N in np.unique(present_NE, axis=1).T:
        rows = np.flatnonzero(pattern_N)
        same = np.flatnonzero((present_NE == pattern_N[:, None]).all(axis=0))
        if len(rows):
            gram = likeness_NN[np.ix_(rows, rows)]
            gram[np.diag_indices_from(gram)] += np.float32(ridge)
            right = targets_NE[np.ix_(rows, same)].astype(np.float32)
            weights_EN[np.ix_(same, rows)] = np.linalg.solve(gram, right).T
    return weights_EN


def folded(groups: Sequence[str], seed: int) -> Indexes:
    """The fold of each text, (N,): texts of one group share theirs."""
    number = {name: index for index, name in enumerate(sorted(set(groups)))}
    order = np.random.default_rng(seed).permutation(len(number))
    return np.array([order[number[name]] % FOLDS for name in groups], dtype=np.intp)


def chosen_kernel(
    texts: Sequence[str],
    vectors_ND: Vector,
    scale: FormScale,
    targets_NE: Doubles,
    fold_N: Indexes,
    told: Callable[[float], None],
) -> ChosenKernel:
    """The kernel with the smallest squared error on held-out texts; the smoother of equals."""
    present_NE = np.isfinite(targets_NE)
    filled_NE = np.where(present_NE, targets_NE, 0.0)
    best: ChosenKernel | None = None
    kernels = list(_kernels())
    for number, kernel in enumerate(kernels):
        here_NP = places(kernel, scale, texts, vectors_ND)
        likeness_NN = likeness(kernel, here_NP, here_NP)
        for ridge in reversed(RIDGES):
            predicted_NE = held_out(likeness_NN, ridge, filled_NE, fold_N)
            error = float(((predicted_NE - filled_NE)[present_NE] ** 2).mean())
            if best is None or error < best.error:
                chosen = kernel.model_copy(update={"ridge": ridge})
                best = ChosenKernel(chosen, np.where(present_NE, predicted_NE, np.nan), error)
        told((number + 1) / len(kernels))
    assert best is not None
    return best


def held_out(likeness_NN: Floats, ridge: float, targets_NE: Doubles, fold_N: Indexes) -> Doubles:
    """Each text's prediction by the regression without its fold, (N, E)."""
    gram = likeness_NN.copy()
    gram[np.diag_indices_from(gram)] += np.float32(ridge)
    inverse_NN = np.linalg.inv(gram)
    weights_NE = inverse_NN @ targets_NE.astype(np.float32)
    predicted_NE = targets_NE.copy()
    for fold in np.unique(fold_N):
        held_M = np.flatnonzero(fold_N == fold)
        predicted_NE[held_M] -= np.linalg.solve(inverse_NN[np.ix_(held_M, held_M)], weights_NE[held_M])
    return predicted_NE


def _kernels() -> Iterator[Kernel]:
    for sharpness in SHARPNESS:
        for form_share in FORM_SHARES:
            yield Kernel(sharpness=sharpness, form_share=form_share)
