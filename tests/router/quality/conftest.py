"""A small world of three experts: the scholar knows prose, the calculator sums, the expert for all costs much.

The encoder is a fake: a bag of hashed words. What the regression learns from it is real.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from doyen_router.encoder.contract import Vector
from doyen_router.quality.model import QualityModel
from doyen_router.quality.rows import ScoredText
from doyen_router.quality.training import fit_quality

PROSE = ("poem", "novel", "king", "queen", "river", "ocean", "letter", "song", "theatre", "garden")
SUMS = ("add", "subtract", "divide", "integral", "matrix", "root", "prime", "fraction", "equation", "angle")


class WordEncoder:
    identity = "words"
    dimensions = 64
    max_tokens = 256

    def encode(self, texts: Sequence[str], *, max_tokens: int | None = None) -> Vector:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, zlib.crc32(word.encode()) % self.dimensions] += 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def scored(count: int, seed: int) -> list[ScoredText]:
    """Half the texts are prose, half sums; a specialist is right on 9 of 10 of its own and on 3 of 10 others."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        about_sums = bool(number % 2)
        text = " ".join(rng.choice(SUMS if about_sums else PROSE, 5))
        chances = {"scholar": 0.3 if about_sums else 0.9, "calculator": 0.9 if about_sums else 0.3, "all": 0.95}
        scores = {name: float(rng.random() < chance) for name, chance in chances.items()}
        rows.append(ScoredText(text, scores, {"scholar": 0.001, "calculator": 0.001, "all": 0.02}))
    return rows


def _without(rows: Sequence[ScoredText], *names: str) -> list[ScoredText]:
    return [
        ScoredText(
            row.text,
            {name: score for name, score in row.scores.items() if name not in names},
            {name: cost for name, cost in row.costs_usd.items() if name not in names},
            row.group,
        )
        for row in rows
    ]


@pytest.fixture(scope="session")
def without() -> Callable[..., list[ScoredText]]:
    """Rows as if some experts had never been asked."""
    return _without


@pytest.fixture(scope="session")
def words() -> WordEncoder:
    return WordEncoder()


@pytest.fixture(scope="session")
def rows() -> list[ScoredText]:
    return scored(300, seed=1)


@pytest.fixture(scope="session")
def others() -> list[ScoredText]:
    return scored(300, seed=2)


@pytest.fixture(scope="session")
def model(rows: list[ScoredText], words: WordEncoder) -> QualityModel:
    return fit_quality(rows, words)
