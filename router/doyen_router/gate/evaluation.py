"""How good a gate is on labelled texts that it was not trained on.

Legend: N texts, O outside texts, F features, E experts.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.encoder.encoding import Progress
from doyen_router.gate.calibration import expected_calibration_error, reliability
from doyen_router.gate.decide import decide, snapshot_of
from doyen_router.gate.decision import NO_CONDITIONS, Conditions, Policy
from doyen_router.gate.examples import Example
from doyen_router.gate.gate import Gate
from doyen_router.gate.inside import Doubles, InsideFeatures, auroc, energies, raw_scores
from doyen_router.gate.measures import average_precision, fpr95, per_label
from doyen_router.gate.training import TooFewExamples, UnknownLabels, encoded_features

TIMED = 500


class ExpertReport(TypedDict):
    count: int
    precision: float
    recall: float
    f1: float


class OutsideReport(TypedDict):
    """`aupr` takes outside as the positive class; `accepted` is the share of outside texts above the gate's floor."""

    count: int
    auroc: float
    fpr95: float
    aupr: float
    accepted: float


class Milliseconds(TypedDict):
    p50: float
    p99: float


class Evaluation(TypedDict):
    """`coverage` is the share of texts on which the gate does not abstain; `selective_accuracy` the accuracy on those.

    `accuracy`, `macro_f1` and `top3_accuracy` count every text, abstention or not. `decide_ms` is without encoding.
    """

    count: int
    accuracy: float
    macro_f1: float
    top3_accuracy: float
    ece: float
    coverage: float
    selective_accuracy: float
    per_expert: dict[str, ExpertReport]
    outside: OutsideReport | None
    decide_ms: Milliseconds


def evaluate(
    gate: Gate,
    encoder: Encoder,
    examples: Sequence[Example],
    outside: Sequence[str] | None = None,
    *,
    progress: Progress | None = None,
) -> Evaluation:
    """Raises `UnknownLabels` naming those that the gate does not know."""
    if not examples:
        raise TooFewExamples
    unknown = sorted({example.expert for example in examples} - set(gate.experts))
    if unknown:
        raise UnknownLabels(unknown, gate.experts)
    told = progress or (lambda _stage, _share: None)
    features_NF = encoded_features(encoder, [example.text for example in examples], told, "encoding examples")
    labels_N = np.array([gate.experts.index(example.expert) for example in examples], dtype=np.intp)
    logits_NE, inside_N = _scored(gate, features_NF)
    if gate.card.context_features:
        logits_NE = logits_NE + np.stack([gate.context_logits(dict(example.context)) for example in examples])
    shares_NE = gate.batch_shares(logits_NE)
    ranked_NE = np.argsort(-shares_NE, axis=1, kind="stable")
    correct_N = ranked_NE[:, 0] == labels_N
    kept_N = inside_N >= gate.card.inside.score_at_half
    measures = per_label(labels_N, ranked_NE[:, 0], len(gate.experts))
    present = {expert: measure for expert, measure in zip(gate.experts, measures, strict=True) if measure.count}
    return Evaluation(
        count=len(examples),
        accuracy=float(correct_N.mean()),
        macro_f1=float(np.mean([measure.f1 for measure in present.values()])),
        top3_accuracy=float((ranked_NE[:, :3] == labels_N[:, None]).any(axis=1).mean()),
        ece=expected_calibration_error(reliability(shares_NE.max(axis=1), correct_N)),
        coverage=float(kept_N.mean()),
        selective_accuracy=float(correct_N[kept_N].mean()) if kept_N.any() else 0.0,
        per_expert={
            expert: ExpertReport(count=measure.count, precision=measure.precision, recall=measure.recall, f1=measure.f1)
            for expert, measure in present.items()
        },
        outside=_outside(gate, encoded_features(encoder, outside, told, "encoding outside texts"), inside_N)
        if outside
        else None,
        decide_ms=_decide_ms(gate, features_NF[:TIMED], examples),
    )


def _scored(gate: Gate, features_NF: Vector) -> tuple[Vector, Doubles]:
    """Logits (N, E) and the raw in-domain score (N,)."""
    logits_NE, nearness_NE = gate.batch_scores(features_NF)
    neighbours_N = (
        gate.batch_neighbours(features_NF) if gate.card.inside.neighbours_weight else np.zeros(len(features_NF))
    )
    seen = InsideFeatures(energies(logits_NE), nearness_NE.max(axis=1).astype(np.float64), neighbours_N)
    return logits_NE, raw_scores(gate.card.inside, seen)


def _outside(gate: Gate, features_OF: Vector, inside_N: Doubles) -> OutsideReport:
    outside_O = _scored(gate, features_OF)[1]
    return OutsideReport(
        count=len(features_OF),
        auroc=auroc(inside_N, outside_O),
        fpr95=fpr95(inside_N, outside_O),
        aupr=average_precision(-outside_O, -inside_N),
        accepted=float((outside_O >= gate.card.inside.score_at_half).mean()),
    )


def _decide_ms(gate: Gate, features_NF: Vector, examples: Sequence[Example]) -> Milliseconds:
    snapshot = snapshot_of(gate)
    policy = Policy()
    elapsed: list[float] = []
    for features_F, example in zip(features_NF, examples, strict=False):
        conditions = Conditions(context=dict(example.context)) if example.context else NO_CONDITIONS
        start = time.perf_counter()
        decide(gate, features_F, snapshot, policy, 0, conditions)
        elapsed.append((time.perf_counter() - start) * 1000)
    return Milliseconds(p50=float(np.quantile(elapsed, 0.5)), p99=float(np.quantile(elapsed, 0.99)))
