"""Which head a gate gets: those that could serve are trained on one fold, and the likeliest on the held-out texts wins.

Legend: N texts, F features, D dimensions of the encoder, R rows, E experts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.gate.calibration import fitted_temperature, negative_log_likelihood, probabilities
from doyen_router.gate.card import ExpertFacts, GateCard, HeadKind
from doyen_router.gate.examples import Example
from doyen_router.gate.gate import Gate, Samples
from doyen_router.gate.heads import (
    HeadSpec,
    LinearParts,
    TrainedHead,
    linear_parts,
    prototypes,
    trained_head,
    with_words,
)
from doyen_router.gate.rows import RowPlan, planned_rows

Indexes = npt.NDArray[np.intp]

# Sub-topics an expert per sqrt(count), 0 being one row an expert; and the share by which each must be likelier than the
# first to win. Finer rows must be far likelier: held-out texts that resemble those trained on flatter them, and each
# row costs time in every decision.
FINENESSES = {0.4: 0.0, 0.8: 0.15, 0.0: 0.02}
LEXICAL_WEIGHTS = (0.5, 0.3, 0.7, 0.0)
CLEARLY = 0.02
# Rows of the other kinds admit newcomers less evenly, so they must be worth it.
OTHER_KINDS: tuple[HeadKind, ...] = ("mlp", "prototype", "knn")
OTHER_CLEARLY = 0.05
# A hidden layer has more to learn than fewer texts can tell it.
FEWEST_FOR_LAYER = 1000


class Trial:
    """A head trained on some of the examples, as a gate without thresholds."""

    def __init__(self, spec: HeadSpec, plan: RowPlan, head: TrainedHead, dimensions: int) -> None:
        self.spec = spec
        labels = [(label, owner) for owner, of_expert in enumerate(plan.labels) for label in of_expert]
        named = [labels[row] for row in head.row_labels_R.tolist()]
        self.row_names = {
            expert: tuple(label for label, owner in named if owner == place)
            for place, expert in enumerate(plan.experts)
        }
        self.gate = _bare_gate(self.row_names, head, dimensions)

    def loss(self, features_NF: Vector, labels_N: Indexes) -> float:
        """Negative log likelihood at the best temperature: how well it tells apart, not how sure it happens to be."""
        logits_NE = self.gate.batch_scores(features_NF)[0]
        temperature = fitted_temperature(logits_NE, labels_N, prior_deviation=math.inf)
        return negative_log_likelihood(probabilities(logits_NE, temperature), labels_N)


def trial(spec: HeadSpec, examples: Sequence[Example], features_NF: Vector, dimensions: int, *, seed: int) -> Trial:
    plan = planned_rows(examples, features_NF[:, :dimensions], fineness=spec.fineness, seed=seed)
    return Trial(spec, plan, trained_head(spec, features_NF, dimensions, plan.row_N, seed=seed), dimensions)


def chosen_trial(
    examples: Sequence[Example],
    features_NF: Vector,
    dimensions: int,
    held_NF: Vector,
    labels_N: Indexes,
    *,
    seed: int,
    progress: Callable[[float], None],
) -> tuple[Trial, dict[str, float]]:
    """The head that wins on the held-out texts, and what each kind lost there."""
    vectors_ND = features_NF[:, :dimensions]
    discovers = any(example.fine is None for example in examples)
    tried: list[tuple[Trial, RowPlan, LinearParts]] = []
    for step, fineness in enumerate(FINENESSES if discovers else list(FINENESSES)[:1]):
        progress(0.5 * step / len(FINENESSES))
        spec = HeadSpec(fineness=fineness)
        plan = planned_rows(examples, vectors_ND, fineness=fineness, seed=seed)
        # The encoder's part alone tells which rows are too coarse or too fine, for half the price.
        parts = linear_parts(features_NF, dimensions, plan.row_N)
        head = parts.head(0.0, prototypes(vectors_ND, plan.row_N))
        tried.append((Trial(spec, plan, head, dimensions), plan, parts))
    best, _ = _likeliest([one for one, _, _ in tried], held_NF, labels_N, list(FINENESSES.values()))
    _, plan, parts = next(one for one in tried if one[0] is best)
    progress(0.5)
    parts = with_words(parts, features_NF, dimensions, plan.row_N)
    prototypes_RD = prototypes(vectors_ND, plan.row_N)
    weighted = [
        Trial(replace(best.spec, lexical_weight=weight), plan, parts.head(weight, prototypes_RD), dimensions)
        for weight in LEXICAL_WEIGHTS
    ]
    best, loss = _likeliest(weighted, held_NF, labels_N, [0.0, *[CLEARLY] * len(weighted)])
    told: dict[str, float] = {"linear": loss}
    least = loss * (1 - OTHER_CLEARLY)
    for step, kind in enumerate(OTHER_KINDS):
        progress(0.7 + 0.3 * step / len(OTHER_KINDS))
        if kind == "mlp" and len(examples) < FEWEST_FOR_LAYER:
            continue
        spec = replace(best.spec, kind=kind)
        head = trained_head(spec, features_NF, dimensions, plan.row_N, seed=seed, parts=parts)
        other = Trial(spec, plan, head, dimensions)
        told[kind] = other.loss(held_NF, labels_N)
        if told[kind] < least:
            best, least = other, told[kind]
    return best, told


def _likeliest(
    trials: Sequence[Trial], held_NF: Vector, labels_N: Indexes, handicaps: Sequence[float]
) -> tuple[Trial, float]:
    """A handicap is the share that is added to the loss."""
    losses = [one.loss(held_NF, labels_N) for one in trials]
    place = min(range(len(losses)), key=lambda at: losses[at] * (1 + handicaps[at]))
    return trials[place], losses[place]


def _bare_gate(row_names: dict[str, tuple[str, ...]], head: TrainedHead, dimensions: int) -> Gate:
    facts = {
        name: ExpertFacts(origin="trained", rows=labels, references=0, examples=0) for name, labels in row_names.items()
    }
    features = head.rows.weights_RW.shape[1] - len(head.trunk_bias_H)
    card = GateCard(
        created=datetime.now(UTC),
        encoder_identity="",
        encoder_dimensions=dimensions,
        lexical_dimensions=features - dimensions,
        experts=facts,
    )
    none = Samples(np.zeros((0, features), np.float16), (), np.zeros((0, dimensions), np.float16), ())
    return Gate(card, head.rows, none, head.trunk_HD, head.trunk_bias_H)
