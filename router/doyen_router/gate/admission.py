"""How a hot-added expert's rows should be scaled: learned by playing each trained expert as the newcomer.

What fits depends on how large the trained logits are, and so on the data. Legend: N texts, E experts, K shown examples.
"""

from __future__ import annotations

import numpy as np

from doyen_router.encoder.contract import Vector
from doyen_router.gate.card import Admission
from doyen_router.gate.heldout import HeldOut, Scored
from doyen_router.gate.inside import Doubles, energies

SLOPES = (8.0, 10.0, 12.0, 14.0, 16.0, 20.0, 26.0)
EXAMPLES = 10
FEWEST_TEXTS = 20
FEWEST_NEWCOMERS = 3
MOST_NEWCOMERS = 12


def fitted_admission(held_out: HeldOut) -> Admission:
    """The slope with the best mean recall of newcomers at the wanted loss of the others; the default without data."""
    default = Admission()
    counts = np.bincount(held_out.texts.labels_N, minlength=len(held_out.experts))
    newcomers = np.flatnonzero(counts >= FEWEST_TEXTS)
    if len(newcomers) < FEWEST_NEWCOMERS:
        return default
    newcomers = newcomers[:: -(-len(newcomers) // MOST_NEWCOMERS)]
    trials = np.array(
        [[_played(held_out, int(newcomer), slope, default.wanted_loss) for slope in SLOPES] for newcomer in newcomers]
    ).mean(axis=0)
    best = int(trials[:, 0].argmax())
    return Admission(slope=SLOPES[best], optimism=max(0.0, float(trials[best, 1])), wanted_loss=default.wanted_loss)


def _played(held_out: HeldOut, newcomer: int, slope: float, wanted_loss: float) -> tuple[float, float]:
    """The newcomer's recall, and how much higher a bias the texts trained on would have allowed."""
    texts = held_out.texts
    own = np.flatnonzero(texts.labels_N == newcomer)
    # Spread over the whole, since the texts may lie sorted by topic.
    shown = own[np.linspace(0, len(own) - 1, EXAMPLES).astype(int)]
    shown_KD = texts.vectors_ND[shown]
    lead_N = _lead(texts, newcomer, slope, shown_KD)
    bias = float(np.quantile(lead_N[texts.labels_N != newcomer], wanted_loss))
    seen = held_out.seen.labels_N != newcomer
    flattered = float(np.quantile(_lead(held_out.seen, newcomer, slope, shown_KD)[seen], wanted_loss))
    return float((lead_N[np.setdiff1d(own, shown)] < bias).mean()), flattered - bias


def _lead(texts: Scored, newcomer: int, slope: float, shown_KD: Vector) -> Doubles:
    """By how much the best of the others leads the newcomer, (N,), before any bias."""
    others = np.arange(texts.logits_NE.shape[1]) != newcomer
    best_N = texts.logits_NE[:, others].max(axis=1)
    return np.asarray(best_N - energies(slope * (texts.vectors_ND @ shown_KD.T)), dtype=np.float64)
