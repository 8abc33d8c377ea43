"""Experts join a gate and leave it: all that it has of one, moved whole. It knows not how an expert's rows are made.

Legend: R rows, E experts, S references, P passages.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Encoder
from doyen_router.gate.card import ExpertFacts, GateCard
from doyen_router.gate.evidence import USUAL
from doyen_router.gate.gate import Gate, Rows, Samples
from doyen_router.text_features import LEXICAL_DIMENSIONS


def empty_gate(encoder: Encoder) -> Gate:
    """A gate that knows nobody yet: the ground on which the first expert is imprinted."""
    dimensions = encoder.dimensions
    width = dimensions + LEXICAL_DIMENSIONS
    card = GateCard(
        created=datetime.now(UTC),
        encoder_identity=encoder.identity,
        encoder_dimensions=dimensions,
        lexical_dimensions=LEXICAL_DIMENSIONS,
        evidence=USUAL,
    )
    none = np.zeros((0, width), np.float32)
    return Gate(
        card,
        Rows(none, np.zeros(0, np.float32), np.zeros((0, dimensions), np.float32)),
        Samples(none.astype(np.float16), (), np.zeros((0, dimensions), np.float16), ()),
    )


def with_expert(
    gate: Gate, name: str, facts: ExpertFacts, rows: Rows, samples: Samples, card: GateCard | None = None
) -> Gate:
    """The newcomer comes last. `card` replaces the gate's own."""
    old = card or gate.card
    if rows.weights_RW.shape[1] < gate.rows.weights_RW.shape[1]:
        # Rows made of features alone give the trunk's units no weight.
        missing = gate.rows.weights_RW.shape[1] - rows.weights_RW.shape[1]
        rows = rows._replace(weights_RW=np.pad(rows.weights_RW, ((0, 0), (0, missing))))
    merged = old.model_copy(
        update={"created": datetime.now(UTC), "parent": gate.version, "experts": {**old.experts, name: facts}}
    )
    return replace(
        gate,
        card=merged,
        rows=Rows(*(np.concatenate(pair) for pair in zip(gate.rows, rows, strict=True))),
        samples=Samples(
            np.concatenate([gate.samples.references_SF, samples.references_SF]),
            gate.samples.reference_texts + samples.reference_texts,
            np.concatenate([gate.samples.passages_PD, samples.passages_PD]),
            gate.samples.passage_texts + samples.passage_texts,
        ),
    )


def only(gate: Gate, names: Collection[str]) -> Gate:
    """The gate with no other experts than these."""
    kept_E = np.array([name in names for name in gate.experts], dtype=np.bool_)
    rows, samples = _part(gate, kept_E)
    experts = {name: facts for name, facts in gate.card.experts.items() if name in names}
    card = gate.card.model_copy(update={"created": datetime.now(UTC), "parent": gate.version, "experts": experts})
    return replace(gate, card=card, rows=rows, samples=samples)


def with_expert_of(gate: Gate, other: Gate, name: str) -> Gate:
    """This gate with what the other one has for the expert, who must be new here."""
    rows, samples = _part(other, np.arange(len(other.experts)) == other.index(name))
    return with_expert(gate, name, other.card.experts[name], rows, samples)


def remove_expert(gate: Gate, name: str) -> Gate:
    """Drops all that the gate has of the expert. The logits of the others stay bit-identical."""
    gate.index(name)
    return only(gate, set(gate.experts) - {name})


def _part(gate: Gate, kept_E: npt.NDArray[np.bool_]) -> tuple[Rows, Samples]:
    kept_R = np.repeat(kept_E, gate.row_counts)
    kept_S, kept_P = np.repeat(kept_E, gate.reference_counts), np.repeat(kept_E, gate.passage_counts)
    samples = gate.samples
    return Rows(*(tensor[kept_R] for tensor in gate.rows)), Samples(
        samples.references_SF[kept_S],
        tuple(text for text, kept in zip(samples.reference_texts, kept_S, strict=True) if kept),
        samples.passages_PD[kept_P],
        tuple(text for text, kept in zip(samples.passage_texts, kept_P, strict=True) if kept),
    )
