"""How a hot-added expert's rows should be scaled: learned by playing each trained expert as the newcomer.

What fits depends on how large the trained logits are, and so on the data. Legend: N texts, E experts, K shown examples.
"""

from __future__ import annotations

import numpy as np

from doyen_router.gate.card import Admission
from doyen_router.gate.heldout import HeldOut, Scored
from doyen_router.gate.newcomer import (
    Indexes,
    NewRows,
    Others,
    Prototypes,
    lead_at,
    new_rows,
    prototypes_of,
    slope_for,
)
from doyen_router.text_features import LEXICAL_DIMENSIONS

SLOPES = (12.0, 9.0, 16.0, 21.0)
SHOWN = (10, 50)
FEWEST_TEXTS = 8
FEWEST_NEWCOMERS = 2
MOST_NEWCOMERS = 12
MOST_TEXTS = 4096
# Another slope than the first must be worth this much recall: newcomers that were trained on are told apart too well.
CLEARLY = 0.04
# Seen where newcomers could be played: 1.4 to 3.5, most of it with few examples.
USUAL_OPTIMISM = 2.5


def fitted_admission(held_out: HeldOut) -> Admission:
    """The slope with the best mean recall of newcomers at the wanted loss of the others. Without data: the usual."""
    default = Admission(optimism=USUAL_OPTIMISM)
    counts = np.bincount(held_out.texts.labels_N, minlength=len(held_out.experts))
    newcomers = np.flatnonzero(counts >= FEWEST_TEXTS)
    if len(newcomers) < FEWEST_NEWCOMERS or len(held_out.experts) < 3:
        return default
    newcomers = newcomers[:: -(-len(newcomers) // MOST_NEWCOMERS)]
    texts = _thinned(held_out.texts)

    def played(slope: float, shown: int) -> tuple[float, float]:
        plays = [_played(held_out.seen, texts, int(one), slope, shown, default.wanted_loss) for one in newcomers]
        recall, optimism = np.mean(plays, axis=0).tolist()
        return recall, optimism

    trials = {slope: played(slope, SHOWN[0]) for slope in SLOPES}
    slope = max(SLOPES, key=lambda one: trials[one][0] + (CLEARLY if one == SLOPES[0] else 0))
    optimisms = [trials[slope][1]]
    if np.median(counts[newcomers]) > SHOWN[1]:
        optimisms.append(played(slope, SHOWN[1])[1])
    return Admission(slope=slope, optimism=max(0.0, float(np.mean(optimisms))), wanted_loss=default.wanted_loss)


def _played(
    seen: Scored, texts: Scored, newcomer: int, slope: float, shown: int, wanted_loss: float
) -> tuple[float, float]:
    """The newcomer's recall, and how much higher a bias the texts trained on would have allowed."""
    own = np.flatnonzero(texts.labels_N == newcomer)
    # Spread over the whole, since the texts may lie sorted by topic; and some are left to measure recall by.
    shown_K = own[np.linspace(0, len(own) - 1, min(shown, -(-2 * len(own) // 3))).astype(np.intp)]
    others_E = np.arange(texts.logits_NE.shape[1]) != newcomer
    rows = _rows(seen, texts, newcomer, shown_K, slope)
    foreign_N = texts.labels_N != newcomer
    logits_NE = np.where(others_E, texts.logits_NE, -np.inf)
    leads_N = logits_NE.max(axis=1) - rows.logits(texts.features_NF)
    right_N = foreign_N & (logits_NE.argmax(axis=1) == texts.labels_N)
    if not right_N.any():
        return 0.0, 0.0
    # What is lost is counted among all, though only what was right can be lost.
    bias = float(np.quantile(leads_N[right_N], min(1.0, wanted_loss * foreign_N.sum() / right_N.sum())))
    kept_S = seen.labels_N != newcomer
    seen_leads_S = seen.logits_NE[kept_S][:, others_E].max(axis=1) - rows.logits(seen.features_NF[kept_S])
    unseen = np.setdiff1d(own, shown_K)
    recall = float((leads_N[unseen] < bias).mean()) if len(unseen) else 0.0
    return recall, lead_at(seen_leads_S, wanted_loss) - bias


def _rows(seen: Scored, texts: Scored, newcomer: int, shown_K: Indexes, slope: float) -> NewRows:
    dimensions = texts.features_NF.shape[1] - LEXICAL_DIMENSIONS
    others_E = np.arange(texts.logits_NE.shape[1]) != newcomer
    kept_S = seen.labels_N != newcomer
    best_S = seen.logits_NE[kept_S][:, others_E].max(axis=1).astype(np.float64)
    own_KF = texts.features_NF[shown_K]
    labels_K, prototypes_RF = prototypes_of(own_KF, len(own_KF), dimensions)
    return new_rows(
        own_KF,
        labels_K,
        texts.logits_NE[shown_K][:, others_E].max(axis=1).astype(np.float64),
        Prototypes(prototypes_RF, np.zeros(len(prototypes_RF), dtype=np.float32)),
        Others(seen.features_NF[kept_S], best_S, int(others_E.sum())),
        slope=slope_for(slope, len(own_KF)),
        dimensions=dimensions,
        measures=False,
    )


def _thinned(texts: Scored) -> Scored:
    """Every so manieth text, when there are very many."""
    kept_N = np.arange(len(texts.labels_N)) % max(1, -(-len(texts.labels_N) // MOST_TEXTS)) == 0
    return texts.only(kept_N)
