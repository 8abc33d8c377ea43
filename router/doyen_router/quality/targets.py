"""What the parts of a quality model learn from: who was scored where, the shared part, and each expert's own.

Choosing an expert needs differences between experts alone. A text's difficulty, the same for all, is therefore taken
out first: it would drown them, and an expert scored on few texts would look good just where the others look bad.
Legend: N texts, E experts. A score that is missing is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doyen_router.quality.rows import ScoredText

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """`common_N` is the mean of the experts' scores, each beyond its own mean; `own_NE` what is left of each score.

    Where only one expert was scored, `own_NE` is NaN: nothing tells the text's difficulty from the expert's.
    """

    means_E: Doubles
    common_N: Doubles
    own_NE: Doubles


def scores_of(rows: Sequence[ScoredText], experts: Sequence[str]) -> Doubles:
    return np.array([[row.scores.get(name, np.nan) for name in experts] for row in rows], np.float64)


def costs_of(rows: Sequence[ScoredText], experts: Sequence[str]) -> Doubles:
    return np.array([[row.costs_usd.get(name, np.nan) for name in experts] for row in rows], np.float64)


def targets_of(scores_NE: Doubles) -> Targets:
    """Every row and every expert must have one score at least."""
    # With gaps, an expert's plain mean depends on which texts it got. Alternating means settle that: a few rounds do.
    means_E = np.nanmean(scores_NE, axis=0)
    common_N = np.zeros(len(scores_NE))
    for _ in range(20):
        common_N = np.nanmean(scores_NE - means_E, axis=1)
        means_E = np.nanmean(scores_NE - (common_N - common_N.mean())[:, None], axis=0)
    common_N = np.nanmean(scores_NE - means_E, axis=1)
    own_NE = scores_NE - means_E - common_N[:, None]
    own_NE[np.isfinite(scores_NE).sum(axis=1) < 2] = np.nan
    return Targets(means_E, common_N, own_NE)
