"""What a newcomer and each of its neighbours are expected to take from one another, before it is activated.

Legend: N own texts, S references of the gate, E experts already there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.gate.inside import Doubles
from doyen_router.gate.newcomer import lead_at

Indexes = npt.NDArray[np.intp]

# Leads are known to about so many logits; those of lone references, which are guesses, to fewer.
BLUR = 0.7
LONE_BLUR = 1.2
LONGEST = 32.0
HALVINGS = 20


@dataclass(frozen=True, slots=True)
class Confusion:
    """Expected from the gate's reference sample: the share of the neighbour's traffic that the newcomer would take,
    and the share of the newcomer's own texts that the neighbour would keep."""

    expert: str
    theirs_lost: float
    ours_lost: float


def expected_confusions(
    experts: Sequence[str],
    leads_S: Doubles,
    lone_S: npt.NDArray[np.bool_],
    experts_S: Indexes,
    own_N: Doubles,
    others_NE: Vector,
) -> list[Confusion]:
    """Greatest first. `leads_S` is by how much the others lead the newcomer on their references, on unseen texts.

    `own_N` are the newcomer's logits of its own texts, by rows that were made without them; `others_NE` the others'.
    """
    if not experts:
        return []
    taken_S = _chance(-leads_S, np.where(lone_S, LONE_BLUR, BLUR))
    kept_N = _chance(others_NE.max(axis=1) - own_N, np.full(len(own_N), BLUR))
    keeper_N = others_NE.argmax(axis=1)
    confusions = [
        Confusion(
            expert,
            float(taken_S[experts_S == place].mean()) if (experts_S == place).any() else 0.0,
            float(kept_N[keeper_N == place].sum() / len(own_N)),
        )
        for place, expert in enumerate(experts)
    ]
    return sorted(confusions, key=lambda confusion: -(confusion.theirs_lost + confusion.ours_lost))


def flattery(leads_S: Doubles, loss: float) -> float:
    """How much longer the leads (S,) are than told, if a bias of `lead_at(leads_S, loss)` loses just that share.

    That is what the card's optimism was learned for; chances, which are blurred, would add up to more.
    """
    bias = lead_at(leads_S, loss)
    low, high = -LONGEST, LONGEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        lost = float(_chance(bias - leads_S - middle, np.full(len(leads_S), BLUR)).mean())
        low, high = (middle, high) if lost > loss else (low, middle)
    return high


def _chance(leads: Doubles, blurs: Doubles) -> Doubles:
    return np.asarray(1 / (1 + np.exp(-np.clip(leads / blurs, -50, 50))), dtype=np.float64)
