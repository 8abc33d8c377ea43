"""How good a gate is on labelled texts that it was not trained on.

Legend: N texts, O outside texts, D dimensions, E experts.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.gate.calibration import expected_calibration_error, probabilities, reliability
from doyen_router.gate.decide import decide, snapshot_of
from doyen_router.gate.decision import Policy
from doyen_router.gate.examples import Example
from doyen_router.gate.gate import Gate
from doyen_router.gate.inside import auroc, energies, raw_scores
from doyen_router.gate.measures import average_precision, fpr95, per_label
from doyen_router.gate.training import Progress, TooFewExamples, UnknownLabels, encoded

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
    vectors_ND = encoded(encoder, [example.text for example in examples], told, "encoding examples")
    labels_N = np.array([gate.experts.index(example.expert) for example in examples], dtype=np.intp)
    logits_NE, nearness_NE = gate.batch_scores(vectors_ND)
    shares_NE = probabilities(logits_NE, gate.card.temperature)
    ranked_NE = np.argsort(-shares_NE, axis=1, kind="stable")
    correct_N = ranked_NE[:, 0] == labels_N
    scale = gate.card.inside
    inside_N = raw_scores(scale, energies(logits_NE), nearness_NE.max(axis=1))
    kept_N = inside_N >= scale.score_at_half
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
        outside=_outside(gate, encoded(encoder, outside, told, "encoding outside texts"), inside_N)
        if outside
        else None,
        decide_ms=_decide_ms(gate, vectors_ND[:TIMED]),
    )


def _outside(
    gate: Gate, vectors_OD: Vector, inside_N: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> OutsideReport:
    logits_OE, nearness_OE = gate.batch_scores(vectors_OD)
    outside_O = raw_scores(gate.card.inside, energies(logits_OE), nearness_OE.max(axis=1))
    return OutsideReport(
        count=len(vectors_OD),
        auroc=auroc(inside_N, outside_O),
        fpr95=fpr95(inside_N, outside_O),
        aupr=average_precision(-outside_O, -inside_N),
        accepted=float((outside_O >= gate.card.inside.score_at_half).mean()),
    )


def _decide_ms(gate: Gate, vectors_ND: Vector) -> Milliseconds:
    snapshot = snapshot_of(gate)
    policy = Policy()
    elapsed: list[float] = []
    for vector_D in vectors_ND:
        start = time.perf_counter()
        decide(gate, vector_D, snapshot, policy, 0)
        elapsed.append((time.perf_counter() - start) * 1000)
    return Milliseconds(p50=float(np.quantile(elapsed, 0.5)), p99=float(np.quantile(elapsed, 0.99)))
