"""Scores of texts that were not trained on: the validation set, or examples held out in turn.

Legend: N held-out texts, S texts trained on, E experts, O outside texts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.gate.calibration import fitted_temperature, negative_log_likelihood
from doyen_router.gate.card import ExpertFacts, GateCard
from doyen_router.gate.examples import Example
from doyen_router.gate.gate import Gate
from doyen_router.gate.inside import energies
from doyen_router.gate.rows import RowPlan, Rows, planned_rows, trained_rows

Indexes = npt.NDArray[np.intp]
Doubles = npt.NDArray[np.float64]

FOLDS = 5
# Below it every fold is held out in turn; above, one fold is enough to measure on.
FEW = 3000
# Sub-topics an expert per sqrt(count); 0 is one row an expert. The first wins unless another is clearly likelier.
FINENESSES = (0.4, 0.8, 0.0)
CLEARLY = 0.02
OUTSIDERS = 12
REFERENCES = 64


@dataclass(frozen=True)
class Scored:
    """Texts with their experts' indexes and what a gate's rows make of them."""

    vectors_ND: Vector
    labels_N: Indexes
    logits_NE: Vector
    nearness_NE: Vector


@dataclass(frozen=True)
class HeldOut:
    """`seen` is a sample of what the first fold's rows were trained on: the same rows flatter it."""

    experts: tuple[str, ...]
    fineness: float
    texts: Scored
    seen: Scored
    outside: tuple[Doubles, Doubles] | None

    @property
    def outside_kind(self) -> str:
        return "outside" if self.outside is not None else "leave_one_expert_out"

    def inside_features(self) -> tuple[Doubles, Doubles]:
        """Energies and nearness of texts in some domain; without outside texts, as seen without one other expert."""
        if self.outside is not None:
            return energies(self.texts.logits_NE), self.texts.nearness_NE.max(axis=1).astype(np.float64)
        return self._played(outsiders=False)

    def outside_features(self) -> tuple[Doubles, Doubles]:
        """The same of texts in no domain: those given, else each expert's own as seen without it."""
        return self.outside if self.outside is not None else self._played(outsiders=True)

    def _played(self, *, outsiders: bool) -> tuple[Doubles, Doubles]:
        texts = self.texts
        present = [place for place in range(len(self.experts)) if (texts.labels_N == place).any()]
        energy_parts: list[Doubles] = []
        nearness_parts: list[Doubles] = []
        for place in present[:: max(1, len(present) // OUTSIDERS)]:
            played = (texts.labels_N == place) == outsiders
            others = np.arange(len(self.experts)) != place
            energy_parts.append(energies(texts.logits_NE[played][:, others]))
            nearness_parts.append(texts.nearness_NE[played][:, others].max(axis=1).astype(np.float64))
        return np.concatenate(energy_parts), np.concatenate(nearness_parts)


def held_out_scores(
    examples: Sequence[Example],
    vectors_ND: Vector,
    validation: Sequence[Example],
    validation_ND: Vector,
    outside_ND: Vector,
    *,
    seed: int,
    progress: Callable[[str, float], None],
) -> HeldOut:
    """At least two experts. Also chooses how fine the discovered sub-topics are, by likelihood on the first fold."""
    experts = sorted({example.expert for example in examples})
    label_N = np.array([experts.index(example.expert) for example in examples])
    folds: list[tuple[Indexes, Vector, Indexes]] = []
    if validation:
        everything = np.arange(len(examples), dtype=np.intp)
        folds.append((everything, validation_ND, np.array([experts.index(example.expert) for example in validation])))
    else:
        fold_N = _folds(examples, seed)
        for fold in range(FOLDS if len(examples) < FEW else 1):
            kept, held = np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold)
            if len(held):
                folds.append((kept, vectors_ND[held], label_N[held]))

    discovers = any(example.fine is None for example in examples)
    candidates = FINENESSES if discovers and folds else FINENESSES[:1]
    steps = len(candidates) + len(folds)
    trials: list[tuple[float, float]] = []
    for step, fineness in enumerate(candidates if len(candidates) > 1 else ()):
        progress("choosing sub-topics", step / steps)
        kept, held_ND, held_labels = folds[0]
        trial = _fold_gate(examples, vectors_ND, kept, fineness, seed, tolerance=1e-3)
        logits_NE = scores(trial, held_ND)[0]
        loss = negative_log_likelihood(
            logits_NE, held_labels, fitted_temperature(logits_NE, held_labels, prior_deviation=math.inf)
        )
        trials.append((loss * (1.0 if step == 0 else 1.0 + CLEARLY), fineness))
    fineness = min(trials)[1] if trials else candidates[0]

    parts: list[Scored] = []
    seen: Scored | None = None
    outside: list[tuple[Doubles, Doubles]] = []
    for step, (kept, held_ND, held_labels) in enumerate(folds):
        progress("measuring on held-out texts", (len(candidates) + step) / steps)
        trained = _fold_gate(examples, vectors_ND, kept, fineness, seed)
        parts.append(Scored(held_ND, held_labels, *scores(trained, held_ND)))
        if seen is None:
            sample = sampled(label_N, kept, seed)
            seen = Scored(vectors_ND[sample], label_N[sample], *scores(trained, vectors_ND[sample]))
        if len(outside_ND):
            logits_OE, nearness_OE = scores(trained, outside_ND)
            outside.append((energies(logits_OE), nearness_OE.max(axis=1).astype(np.float64)))
    if not parts:
        nothing = np.empty((0, len(experts)), dtype=np.float32)
        parts.append(Scored(vectors_ND[:0], np.empty(0, dtype=np.intp), nothing, nothing))
    return HeldOut(
        tuple(experts),
        fineness,
        Scored(
            np.concatenate([part.vectors_ND for part in parts]),
            np.concatenate([part.labels_N for part in parts]),
            np.concatenate([part.logits_NE for part in parts]),
            np.concatenate([part.nearness_NE for part in parts]),
        ),
        seen or parts[0],
        (np.concatenate([part[0] for part in outside]), np.concatenate([part[1] for part in outside]))
        if outside
        else None,
    )


def sampled(label_N: Indexes, among: Indexes, seed: int) -> Indexes:
    """At most `REFERENCES` of each expert's examples, expert by expert."""
    random = np.random.default_rng(seed)
    parts: list[Indexes] = []
    for label in range(int(label_N.max()) + 1):
        members = among[label_N[among] == label]
        parts.append(np.sort(random.permutation(members)[:REFERENCES]))
    return np.concatenate(parts)


def scores(trained: tuple[RowPlan, Rows], vectors_ND: Vector) -> tuple[Vector, Vector]:
    """Logits (N, E) and nearness (N, E) by rows that belong to no gate yet."""
    plan, rows = trained
    facts = {
        name: ExpertFacts(origin="trained", rows=labels, references=0, examples=0)
        for name, labels in zip(plan.experts, plan.labels, strict=True)
    }
    dimensions = rows.weights_RD.shape[1]
    card = GateCard(created=datetime.now(UTC), encoder_identity="", encoder_dimensions=dimensions, experts=facts)
    none = np.empty((0, dimensions), dtype=np.float16)
    return Gate(card, rows.weights_RD, rows.bias_R, rows.prototypes_RD, none).batch_scores(vectors_ND)


def _fold_gate(
    examples: Sequence[Example],
    vectors_ND: Vector,
    kept: Indexes,
    fineness: float,
    seed: int,
    *,
    tolerance: float = 1e-4,
) -> tuple[RowPlan, Rows]:
    kept_ND = vectors_ND[kept]
    plan = planned_rows([examples[place] for place in kept], kept_ND, fineness=fineness, seed=seed)
    return plan, trained_rows(kept_ND, plan.row_N, tolerance=tolerance)


def _folds(examples: Sequence[Example], seed: int) -> Indexes:
    """The fold that holds each example out; -1 for an expert with a single group, which is always trained on."""
    random = np.random.default_rng(seed)
    groups: dict[str, dict[str, list[int]]] = {}
    for place, example in enumerate(examples):
        # Equal texts are one group, else the held-out ones would be known by heart.
        group = example.text if example.group is None else f"\0{example.group}"
        groups.setdefault(example.expert, {}).setdefault(group, []).append(place)
    fold_N = np.full(len(examples), -1, dtype=np.intp)
    for expert in sorted(groups):
        of_expert = list(groups[expert].values())
        if len(of_expert) < 2:
            continue
        for turn, place in enumerate(random.permutation(len(of_expert))):
            fold_N[of_expert[place]] = turn % FOLDS
    return fold_N
