"""The gate: rows that vote for experts. Immutable; it scores vectors, and knows neither policies nor who may be asked.

Legend: N texts, D dimensions, R rows, E experts, S reference vectors. Rows and references lie in the order of
`card.experts`, one expert's together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.errors import Invalid, NotFound
from doyen_router.gate.card import ExpertFacts, GateCard

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]


class GateMalformed(Invalid):
    def __init__(self, reason: str) -> None:
        super().__init__(f"this is not a usable gate: {reason}", param="gate")


class ExpertNotInGate(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"the gate knows no expert {name!r}")


@dataclass(frozen=True, eq=False)
class Gate:
    """An expert's logit is the logsumexp of its rows' logits; its nearness the best cosine of its rows' prototypes.

    Nothing of an expert depends on another's rows, so that experts leave and join without moving the others by a bit.
    """

    card: GateCard
    weights_RD: Floats
    bias_R: Floats
    prototypes_RD: Floats
    references_SD: Halves
    experts: tuple[str, ...] = field(init=False)
    row_starts: npt.NDArray[np.intp] = field(init=False)
    row_counts: npt.NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        facts = self.card.experts.values()
        counts_E = np.array([len(expert.rows) for expert in facts], dtype=np.intp)
        set_field = object.__setattr__
        for name in ("weights_RD", "bias_R", "prototypes_RD", "references_SD"):
            set_field(self, name, np.ascontiguousarray(getattr(self, name)))
        set_field(self, "experts", tuple(self.card.experts))
        set_field(self, "row_counts", counts_E)
        set_field(self, "row_starts", np.cumsum(counts_E) - counts_E)
        _check(self)
        for tensor in (self.weights_RD, self.bias_R, self.prototypes_RD, self.references_SD):
            tensor.flags.writeable = False

    @cached_property
    def version(self) -> str:
        """SHA-256 of tensors and card, without the card's `created`: the same training gives the same version."""
        digest = hashlib.sha256(self.card.model_dump_json(exclude={"created"}).encode())
        for tensor in (self.weights_RD, self.bias_R, self.prototypes_RD, self.references_SD):
            digest.update(f"{tensor.dtype} {tensor.shape}".encode())
            digest.update(np.ascontiguousarray(tensor).data)
        return digest.hexdigest()

    def scores(self, vector_D: Vector) -> tuple[Floats, Floats]:
        """Logits (E,) and nearness (E,) of one text, before temperature."""
        # vecdot makes one dot product a row, the same number wherever the row lies; a matrix product does not.
        logits_R = np.vecdot(self.weights_RD, vector_D) + self.bias_R
        nearness_E = np.maximum.reduceat(np.vecdot(self.prototypes_RD, vector_D), self.row_starts)
        highest_E = np.maximum.reduceat(logits_R, self.row_starts)
        shifted_R = np.exp(logits_R - np.repeat(highest_E, self.row_counts))
        return highest_E + np.log(np.add.reduceat(shifted_R, self.row_starts)), nearness_E

    def batch_scores(self, vectors_ND: Vector) -> tuple[Floats, Floats]:
        """Logits (N, E) and nearness (N, E); equal to `scores` but for rounding."""
        logits_NR = vectors_ND @ self.weights_RD.T + self.bias_R
        nearness_NE = np.maximum.reduceat(vectors_ND @ self.prototypes_RD.T, self.row_starts, axis=1)
        highest_NE = np.maximum.reduceat(logits_NR, self.row_starts, axis=1)
        shifted_NR = np.exp(logits_NR - np.repeat(highest_NE, self.row_counts, axis=1))
        return highest_NE + np.log(np.add.reduceat(shifted_NR, self.row_starts, axis=1)), nearness_NE

    def index(self, expert: str) -> int:
        try:
            return self.experts.index(expert)
        except ValueError:
            raise ExpertNotInGate(expert) from None

    def reference_experts(self) -> npt.NDArray[np.intp]:
        """The expert's index for each reference vector, (S,)."""
        counts_E = [expert.references for expert in self.card.experts.values()]
        return np.repeat(np.arange(len(counts_E), dtype=np.intp), counts_E)


def empty_gate(encoder: Encoder) -> Gate:
    """A gate that knows nobody yet: the ground on which the first expert is imprinted."""
    dimensions = encoder.dimensions
    return Gate(
        GateCard(created=datetime.now(UTC), encoder_identity=encoder.identity, encoder_dimensions=dimensions),
        np.zeros((0, dimensions), np.float32),
        np.zeros(0, np.float32),
        np.zeros((0, dimensions), np.float32),
        np.zeros((0, dimensions), np.float16),
    )


def with_expert(
    gate: Gate,
    name: str,
    facts: ExpertFacts,
    rows: tuple[Floats, Floats, Floats],
    references_SD: Halves,
    card: GateCard | None = None,
) -> Gate:
    """`rows` are weights, biases and prototypes of the newcomer, who comes last. `card` replaces the gate's own."""
    weights_RD, bias_R, prototypes_RD = rows
    old = card or gate.card
    return Gate(
        old.model_copy(
            update={"created": datetime.now(UTC), "parent": gate.version, "experts": {**old.experts, name: facts}}
        ),
        np.concatenate([gate.weights_RD, weights_RD]),
        np.concatenate([gate.bias_R, bias_R]),
        np.concatenate([gate.prototypes_RD, prototypes_RD]),
        np.concatenate([gate.references_SD, references_SD]),
    )


def with_expert_of(gate: Gate, other: Gate, name: str) -> Gate:
    """This gate with the rows that the other one has for the expert, who must be new here."""
    index = other.index(name)
    rows_R = np.repeat(np.arange(len(other.experts)), other.row_counts) == index
    references_S = other.reference_experts() == index
    rows = (other.weights_RD[rows_R], other.bias_R[rows_R], other.prototypes_RD[rows_R])
    return with_expert(gate, name, other.card.experts[name], rows, other.references_SD[references_S])


def remove_expert(gate: Gate, name: str) -> Gate:
    """Drops the expert's rows and references. The logits of the others stay bit-identical."""
    index = gate.index(name)
    kept_R = np.repeat(np.arange(len(gate.experts)), gate.row_counts) != index
    kept_S = gate.reference_experts() != index
    experts = {expert: facts for expert, facts in gate.card.experts.items() if expert != name}
    return Gate(
        gate.card.model_copy(update={"created": datetime.now(UTC), "parent": gate.version, "experts": experts}),
        gate.weights_RD[kept_R],
        gate.bias_R[kept_R],
        gate.prototypes_RD[kept_R],
        gate.references_SD[kept_S],
    )


def _check(gate: Gate) -> None:
    rows, references = int(gate.row_counts.sum()), sum(facts.references for facts in gate.card.experts.values())
    dimensions = gate.card.encoder_dimensions
    expected: dict[str, tuple[npt.NDArray[np.floating], type[np.floating], tuple[int, ...]]] = {
        "weights_RD": (gate.weights_RD, np.float32, (rows, dimensions)),
        "bias_R": (gate.bias_R, np.float32, (rows,)),
        "prototypes_RD": (gate.prototypes_RD, np.float32, (rows, dimensions)),
        "references_SD": (gate.references_SD, np.float16, (references, dimensions)),
    }
    for name, (tensor, dtype, shape) in expected.items():
        if tensor.dtype != dtype or tensor.shape != shape:
            raise GateMalformed(f"{name} is {tensor.dtype} {tensor.shape}, its card promises {np.dtype(dtype)} {shape}")
        if not np.isfinite(tensor).all():
            raise GateMalformed(f"{name} has values that are not finite")
    empty = [expert for expert, facts in gate.card.experts.items() if not facts.rows]
    if empty:
        raise GateMalformed(f"the expert {empty[0]!r} has no rows")
