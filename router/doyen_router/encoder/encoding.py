"""Texts to the encoder's vectors, many at a time, telling how far it is. Legend: N texts, D dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from doyen_router.encoder.contract import Encoder, Vector

# Told (stage, share done in [0, 1]).
Progress = Callable[[str, float], None]

ENCODED_AT_ONCE = 256


def encoded(encoder: Encoder, texts: Sequence[str], told: Progress, stage: str) -> Vector:
    """Unit vectors of `texts` in their order, (N, D)."""
    vectors_ND = np.empty((len(texts), encoder.dimensions), dtype=np.float32)
    # By length, since the encoder can only pad less within what it is given at once.
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in range(0, len(texts), ENCODED_AT_ONCE):
        batch = order[start : start + ENCODED_AT_ONCE]
        vectors_ND[batch] = encoder.encode([texts[index] for index in batch])
        told(stage, (start + len(batch)) / len(texts))
    return vectors_ND
