"""Gates that give chosen probabilities, whatever the text."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from doyen_router.gate.card import ConformalFloor, ExpertFacts, GateCard, InsideScale
from doyen_router.gate.gate import Gate, Rows, Samples

ANY = np.array([1.0, 0.0], dtype=np.float32)


def gate_of(
    shares: Mapping[str, float],
    *,
    examples: Mapping[str, int] | None = None,
    context: Mapping[str, Mapping[str, float]] | None = None,
    conformal: tuple[ConformalFloor, ...] = (),
) -> Gate:
    """Each expert's probability is its share. Every text is inside. An expert has 3 examples unless told otherwise."""
    experts = len(shares)
    facts = {
        name: ExpertFacts(
            origin="trained",
            rows=("r",),
            references=0,
            examples=(examples or {}).get(name, 3),
            context=dict((context or {}).get(name, {})),
        )
        for name in shares
    }
    card = GateCard(
        created=datetime.now(UTC),
        encoder_identity="e",
        encoder_dimensions=2,
        experts=facts,
        context_features=("locale",) if context else (),
        inside=InsideScale(floor=0.0),
        conformal=conformal,
    )
    bias = np.log(np.array(list(shares.values()), dtype=np.float32))
    rows = Rows(np.zeros((experts, 2), np.float32), bias, np.tile(ANY, (experts, 1)))
    return Gate(card, rows, Samples(np.zeros((0, 2), np.float16), (), np.zeros((0, 2), np.float16), ()))
