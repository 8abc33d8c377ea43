"""Gates made of chosen numbers. Features are the encoder's alone unless a gate is told to have a sketch."""

from datetime import UTC, datetime

import numpy as np

from doyen_router.gate.card import ExpertFacts, GateCard, InsideScale
from doyen_router.gate.gate import Gate, Rows, Samples


def random_gate(rows: list[int], dimensions: int = 24, seed: int = 0, *, sketch: int = 0, hidden: int = 0) -> Gate:
    """Each expert has as many rows as `rows` says, two references and one passage."""
    random = np.random.default_rng(seed)
    count = sum(rows)

    def numbers(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    prototypes = numbers(count, dimensions)
    prototypes /= np.linalg.norm(prototypes, axis=1, keepdims=True)
    experts = {
        f"expert{place:02}": ExpertFacts(
            origin="trained", rows=tuple(f"r{row}" for row in range(number)), references=2, examples=9, passages=1
        )
        for place, number in enumerate(rows)
    }
    card = GateCard(
        created=datetime.now(UTC),
        encoder_identity="e",
        encoder_dimensions=dimensions,
        lexical_dimensions=sketch,
        experts=experts,
    )
    weights = np.concatenate([5 * prototypes, numbers(count, sketch + hidden)], axis=1)
    references = numbers(2 * len(rows), dimensions + sketch).astype(np.float16)
    samples = Samples(
        references,
        tuple(f"reference {place}" for place in range(len(references))),
        numbers(len(rows), dimensions).astype(np.float16),
        tuple(f"passage {place}" for place in range(len(rows))),
    )
    trunk = (numbers(hidden, dimensions), numbers(hidden)) if hidden else ()
    return Gate(card, Rows(weights, numbers(count), prototypes), samples, *trunk)


def axis_gate(**experts: int) -> Gate:
    """Each expert owns one axis of the vector: its logit is 8 times that coordinate."""
    rows = np.eye(4, dtype=np.float32)[list(experts.values())]
    facts = {name: ExpertFacts(origin="trained", rows=(name,), references=0, examples=1) for name in experts}
    scale = InsideScale(nearness_mean=0.6, nearness_deviation=0.1, score_at_half=-2.0, score_at_high=0.0)
    card = GateCard(created=datetime.now(UTC), encoder_identity="e", encoder_dimensions=4, experts=facts, inside=scale)
    none = Samples(np.zeros((0, 4), np.float16), (), np.zeros((0, 4), np.float16), ())
    return Gate(card, Rows(8 * rows, np.zeros(len(rows), np.float32), rows), none)


def vector(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float32)
