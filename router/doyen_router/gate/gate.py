"""The gate: rows that vote for experts. Immutable; it scores features, and knows neither policies nor who may be asked.

Legend: N texts, D dimensions of the encoder, F features (the encoder's, then the words' sketch), H hidden units of the
trunk, R rows, E experts, K of them, S references, P passages. Rows, references and passages lie in the order of
`card.experts`, one expert's together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.errors import Invalid, NotFound
from doyen_router.gate.calibration import calibrated
from doyen_router.gate.card import GateCard
from doyen_router.gate.context import pairs
from doyen_router.gate.evidence import evidence, evidence_logits, retrieved
from doyen_router.gate.inside import inside, neighbourhood, raw_score

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Halves = npt.NDArray[np.float16]
Indexes = npt.NDArray[np.intp]
Scalar = TypeVar("Scalar", bound=np.generic)

TENSORS = ("weights_RW", "bias_R", "prototypes_RD", "references_SF", "passages_PD", "trunk_HD", "trunk_bias_H")


class GateMalformed(Invalid):
    def __init__(self, reason: str) -> None:
        super().__init__(f"this is not a usable gate: {reason}", param="gate")


class ExpertNotInGate(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"the gate knows no expert {name!r}")


class Judgement(NamedTuple):
    """Of one text: logits (E,), with evidence and context in them, and what the two added; nearness (E,).

    `neighbours_S` are cosines to all references, when the in-domain score wants them.
    """

    logits_E: Floats
    nearness_E: Floats
    evidence_E: Floats | None
    context_E: Floats | None
    neighbours_S: Floats | None


class Rows(NamedTuple):
    """Of one expert or of many. W is F, or F + H in a gate with a trunk."""

    weights_RW: Floats
    bias_R: Floats
    prototypes_RD: Floats


class Samples(NamedTuple):
    """What is kept of an expert's material: texts that show what others would lose to a newcomer, and passages."""

    references_SF: Halves
    reference_texts: tuple[str, ...]
    passages_PD: Halves
    passage_texts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Gate:
    """An expert's logit is the logsumexp of its rows' logits; its nearness the best cosine of its rows' prototypes.

    Nothing of an expert depends on another's rows, so that experts leave and join without moving the others by a bit.
    A trunk, when there is one, is shared and frozen: rows beyond F weigh its hidden units.
    """

    card: GateCard
    rows: Rows
    samples: Samples
    trunk_HD: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    trunk_bias_H: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    experts: tuple[str, ...] = field(init=False)
    row_starts: Indexes = field(init=False)
    row_counts: Indexes = field(init=False)
    passage_counts: Indexes = field(init=False)
    reference_counts: Indexes = field(init=False)

    def __post_init__(self) -> None:
        facts = self.card.experts.values()
        counts_E = np.array([len(expert.rows) for expert in facts], dtype=np.intp)
        set_field = object.__setattr__
        set_field(self, "experts", tuple(self.card.experts))
        set_field(self, "row_counts", counts_E)
        set_field(self, "row_starts", np.cumsum(counts_E) - counts_E)
        set_field(self, "passage_counts", np.array([expert.passages for expert in facts], dtype=np.intp))
        set_field(self, "reference_counts", np.array([expert.references for expert in facts], dtype=np.intp))
        set_field(self, "rows", Rows(*map(_frozen, self.rows)))
        samples = self.samples._replace(
            references_SF=_frozen(self.samples.references_SF), passages_PD=_frozen(self.samples.passages_PD)
        )
        set_field(self, "samples", samples)
        set_field(self, "trunk_HD", _frozen(self.trunk_HD))
        set_field(self, "trunk_bias_H", _frozen(self.trunk_bias_H))
        _check(self)

    @property
    def dimensions(self) -> int:
        """F, the length of what is judged."""
        return self.card.encoder_dimensions + self.card.lexical_dimensions

    @cached_property
    def version(self) -> str:
        """SHA-256 of tensors, texts and card, without the card's `created`: the same training, the same version."""
        digest = hashlib.sha256(self.card.model_dump_json(exclude={"created"}).encode())
        for name, tensor in self.tensors().items():
            digest.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
            digest.update(np.ascontiguousarray(tensor).data)
        for text in (*self.samples.reference_texts, *self.samples.passage_texts):
            digest.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
        return digest.hexdigest()

    def tensors(self) -> dict[str, npt.NDArray[np.floating]]:
        """By the names that `save_gate` gives them."""
        return {
            **self.rows._asdict(),
            "references_SF": self.samples.references_SF,
            "passages_PD": self.samples.passages_PD,
            "trunk_HD": self.trunk_HD,
            "trunk_bias_H": self.trunk_bias_H,
        }

    def judge(self, features_F: Vector, context: Mapping[str, str], *, evidence: bool = True) -> Judgement:
        """Of one text, before calibration. Unknown context features are ignored."""
        vector_D = features_F[: self.card.encoder_dimensions]
        # vecdot makes one dot product a row, the same number wherever the row lies; a matrix product does not.
        logits_E = self._by_expert(np.vecdot(self.rows.weights_RW, self.widened(features_F)) + self.rows.bias_R)
        nearness_E = np.vecdot(self.rows.prototypes_RD, vector_D)
        if len(nearness_E) != len(self.experts):
            nearness_E = np.maximum.reduceat(nearness_E, self.row_starts)
        evidence_E = context_E = neighbours_S = None
        if evidence and self.has_evidence:
            evidence_E = self._evidence(vector_D)
            logits_E = logits_E + evidence_E
        if context and self.card.context_features:
            context_E = self.context_logits(context)
            logits_E = logits_E + context_E
        if self.card.inside.neighbours_weight:
            neighbours_S = np.vecdot(self._references, vector_D)
        return Judgement(logits_E, nearness_E, evidence_E, context_E, neighbours_S)

    def batch_scores(self, features_NF: Vector, *, evidence: bool = True) -> tuple[Floats, Floats]:
        """Logits (N, E), without context, and nearness (N, E); equal to `judge` but for rounding."""
        vectors_ND = features_NF[:, : self.card.encoder_dimensions]
        logits_NR = self.widened(features_NF) @ self.rows.weights_RW.T + self.rows.bias_R
        highest_NE = np.maximum.reduceat(logits_NR, self.row_starts, axis=1)
        shifted_NR = np.exp(logits_NR - np.repeat(highest_NE, self.row_counts, axis=1))
        logits_NE = highest_NE + np.log(np.add.reduceat(shifted_NR, self.row_starts, axis=1))
        if evidence and self.has_evidence:
            retrieved_NE = retrieved(vectors_ND @ self._passages.T, self.passage_counts)
            logits_NE = logits_NE + evidence_logits(self.card.evidence, *retrieved_NE, self.passage_counts)
        return logits_NE, np.maximum.reduceat(vectors_ND @ self.rows.prototypes_RD.T, self.row_starts, axis=1)

    def shares(self, logits_K: Floats, places: Indexes | None = None) -> Doubles:
        """Calibrated probabilities (K,) of the experts at `places`, all of them when None; they sum to one."""
        calibration = self.card.calibration
        if calibration.kind == "temperature":
            # By far the most frequent, and on every request: no more array work than a softmax needs.
            shares_K = np.exp((logits_K - logits_K.max()).astype(np.float64) / calibration.temperature)
            return np.asarray(shares_K / shares_K.sum(), dtype=np.float64)
        scale_E, shift_E = self._scale_and_shift
        if places is not None:
            scale_E, shift_E = scale_E[places], shift_E[places]
        shares_1K = calibrated(calibration, (logits_K * scale_E + shift_E)[None, :])
        return np.asarray(shares_1K[0], dtype=np.float64)

    def batch_shares(self, logits_NE: Floats) -> Doubles:
        scale_E, shift_E = self._scale_and_shift
        return calibrated(self.card.calibration, logits_NE * scale_E + shift_E)

    def inside(self, judgement: Judgement, places: Indexes | None = None) -> float:
        """In-domain score in [0, 1] by the knowledge of the experts at `places`: no others make a text known."""
        # What the request comes with says nothing of whether its text is known.
        logits_K = judgement.logits_E if judgement.context_E is None else judgement.logits_E - judgement.context_E
        nearness_K, near_S = judgement.nearness_E, judgement.neighbours_S
        if places is not None:
            logits_K, nearness_K = logits_K[places], nearness_K[places]
            if near_S is not None:
                near_S = near_S[np.isin(self.reference_experts(), places)]
        logits_K = logits_K.astype(np.float64)
        highest = float(logits_K.max())
        energy = highest + float(np.log(np.exp(logits_K - highest).sum()))
        neighbours = 0.0 if near_S is None else float(neighbourhood(near_S[None, :])[0])
        scale = self.card.inside
        return inside(scale, raw_score(scale, energy, float(nearness_K.max()), neighbours))

    def batch_neighbours(self, features_NF: Vector) -> Doubles:
        """The neighbours' part of the in-domain score, (N,)."""
        vectors_ND = features_NF[:, : self.card.encoder_dimensions]
        cosines_NS: Floats = vectors_ND @ self._references.T
        return neighbourhood(cosines_NS)

    def conformal_floor(self, error: float) -> float:
        """The probability that an expert of the conformal set reaches: the largest error measured that is not above."""
        floors = [one.floor for one in self.card.conformal if one.error <= error + 1e-12]
        return floors[-1] if floors else 0.0

    def index(self, expert: str) -> int:
        try:
            return self.experts.index(expert)
        except ValueError:
            raise ExpertNotInGate(expert) from None

    def reference_experts(self) -> Indexes:
        """The expert's index for each reference, (S,)."""
        return np.repeat(np.arange(len(self.experts), dtype=np.intp), self.reference_counts)

    def passage_texts(self, expert: str) -> tuple[str, ...]:
        """Those of the sketch of the expert's store."""
        place = self.index(expert)
        start = int(self.passage_counts[:place].sum())
        return self.samples.passage_texts[start : start + int(self.passage_counts[place])]

    @cached_property
    def has_evidence(self) -> bool:
        scale = self.card.evidence
        return bool(self.passage_counts.sum()) and (scale.top_weight != 0 or scale.coverage_weight != 0)

    def context_logits(self, context: Mapping[str, str]) -> Floats:
        """What named features add, (E,)."""
        names = pairs(context)
        return np.array(
            [sum(facts.context.get(name, 0.0) for name in names) for facts in self.card.experts.values()],
            dtype=np.float32,
        )

    def _evidence(self, vector_D: Vector) -> Floats:
        return evidence(self.card.evidence, self._passages, self.passage_counts, vector_D)

    def _by_expert(self, logits_R: Floats) -> Floats:
        if len(logits_R) == len(self.experts):
            return logits_R
        highest_E = np.maximum.reduceat(logits_R, self.row_starts)
        shifted_R = np.exp(logits_R - np.repeat(highest_E, self.row_counts))
        return np.asarray(highest_E + np.log(np.add.reduceat(shifted_R, self.row_starts)), dtype=np.float32)

    def widened(self, features_F: Vector) -> Vector:
        """With the trunk's hidden units, (..., W)."""
        if not len(self.trunk_HD):
            return features_F
        hidden_H = features_F[..., : self.card.encoder_dimensions] @ self.trunk_HD.T + self.trunk_bias_H
        return np.concatenate([features_F, np.maximum(hidden_H, 0)], axis=-1)

    @cached_property
    def _scale_and_shift(self) -> tuple[Doubles, Doubles]:
        facts = self.card.experts.values()
        return np.array([of.scale for of in facts]), np.array([of.shift for of in facts])

    @cached_property
    def _references(self) -> Floats:
        return self.samples.references_SF[:, : self.card.encoder_dimensions].astype(np.float32)

    @cached_property
    def _passages(self) -> Floats:
        return self.samples.passages_PD.astype(np.float32)


def _frozen(tensor: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    tensor = np.ascontiguousarray(tensor)
    tensor.flags.writeable = False
    return tensor


def _check(gate: Gate) -> None:
    card = gate.card
    dimensions, hidden = card.encoder_dimensions, len(gate.trunk_bias_H)
    rows, references, passages = (
        int(counts.sum()) for counts in (gate.row_counts, gate.reference_counts, gate.passage_counts)
    )
    expected: dict[str, tuple[type[np.floating], tuple[int, ...]]] = {
        "weights_RW": (np.float32, (rows, gate.dimensions + hidden)),
        "bias_R": (np.float32, (rows,)),
        "prototypes_RD": (np.float32, (rows, dimensions)),
        "references_SF": (np.float16, (references, gate.dimensions)),
        "passages_PD": (np.float16, (passages, dimensions)),
        "trunk_HD": (np.float32, (hidden, dimensions if hidden else 0)),
        "trunk_bias_H": (np.float32, (hidden,)),
    }
    for name, tensor in gate.tensors().items():
        dtype, shape = expected[name]
        if tensor.dtype != dtype or tensor.shape != shape:
            raise GateMalformed(f"{name} is {tensor.dtype} {tensor.shape}, its card promises {np.dtype(dtype)} {shape}")
        if not np.isfinite(tensor).all():
            raise GateMalformed(f"{name} has values that are not finite")
    for kind, texts, count in (
        ("reference", gate.samples.reference_texts, references),
        ("passage", gate.samples.passage_texts, passages),
    ):
        if len(texts) != count:
            raise GateMalformed(f"it has {len(texts)} {kind} texts, its card promises {count}")
    if card.inside.score_at_high <= card.inside.score_at_half:
        raise GateMalformed("its in-domain score does not rise")
    empty = [expert for expert, facts in card.experts.items() if not facts.rows]
    if empty:
        raise GateMalformed(f"the expert {empty[0]!r} has no rows")
