"""Training a gate from labelled texts: rows, temperature, in-domain score, card. Deterministic by seed.

Everything that is measured is measured on texts that were not trained on; then all texts are trained on.
Legend: N texts, D dimensions, E experts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.errors import Invalid
from doyen_router.gate.admission import fitted_admission
from doyen_router.gate.calibration import expected_calibration_error, fitted_temperature, probabilities, reliability
from doyen_router.gate.card import ExpertFacts, GateCard
from doyen_router.gate.examples import Example, data_facts
from doyen_router.gate.gate import Gate, empty_gate
from doyen_router.gate.heldout import HeldOut, held_out_scores, sampled
from doyen_router.gate.imprint import imprinted
from doyen_router.gate.inside import auroc, energies, fitted_scale, raw_scores
from doyen_router.gate.measures import per_label
from doyen_router.gate.rows import RowPlan, planned_rows, trained_rows

# Told (stage, share done in [0, 1]).
Progress = Callable[[str, float], None]

ENCODED_AT_ONCE = 256


class TooFewExamples(Invalid):
    def __init__(self) -> None:
        super().__init__("a gate needs at least one example with a text and an expert", param="examples")


class UnknownLabels(Invalid):
    def __init__(self, labels: Sequence[str], experts: Sequence[str]) -> None:
        super().__init__(
            f"unknown experts: {', '.join(map(repr, labels))}; the gate knows {', '.join(map(repr, experts))}",
            param="examples",
        )


def fit_gate(
    examples: Sequence[Example],
    encoder: Encoder,
    *,
    validation: Sequence[Example] | None = None,
    outside: Sequence[str] | None = None,
    seed: int = 0,
    kept_share: float = 0.95,
    wanted_acceptance: float = 0.1,
    progress: Progress | None = None,
) -> Gate:
    """Without `validation` some examples are held out for measuring. `outside` are texts of no expert.

    The floor of the in-domain score keeps `kept_share` of held-out texts; with `outside` it lies midway to the floor
    that lets `wanted_acceptance` of them in. One expert alone is imprinted, since there is nobody to tell it from.
    """
    if not examples:
        raise TooFewExamples
    told = progress or (lambda _stage, _share: None)
    known = {example.expert for example in examples}
    unknown = sorted({example.expert for example in validation or ()} - known)
    if unknown:
        raise UnknownLabels(unknown, sorted(known))
    vectors_ND = encoded(encoder, [example.text for example in examples], told, "encoding examples")
    validation_ND = encoded(encoder, [example.text for example in validation or ()], told, "encoding validation")
    outside_ND = encoded(encoder, list(outside or ()), told, "encoding outside texts")
    data = {"examples": data_facts(examples)}
    if validation:
        data["validation"] = data_facts(validation)
    if outside:
        data["outside"] = data_facts(outside)
    card = GateCard(
        created=datetime.now(UTC),
        encoder_identity=encoder.identity,
        encoder_dimensions=encoder.dimensions,
        seed=seed,
        data=data,
    )
    if len(known) == 1:
        return _imprinted_alone(empty_gate(encoder), next(iter(known)), vectors_ND, card)

    held_out = held_out_scores(
        examples, vectors_ND, list(validation or ()), validation_ND, outside_ND, seed=seed, progress=told
    )
    told("training", 0.0)
    plan = planned_rows(examples, vectors_ND, fineness=held_out.fineness, seed=seed)
    rows = trained_rows(vectors_ND, plan.row_N)
    told("training", 1.0)
    expert_N = np.array([plan.experts.index(example.expert) for example in examples], dtype=np.intp)
    references = sampled(expert_N, np.arange(len(examples), dtype=np.intp), seed)
    reference_counts = np.bincount(expert_N[references]).tolist()
    card = _measured(card, held_out, kept_share, wanted_acceptance if outside else None)
    card = card.model_copy(update={"experts": _expert_facts(examples, plan, reference_counts, held_out)})
    return Gate(card, rows.weights_RD, rows.bias_R, rows.prototypes_RD, vectors_ND[references].astype(np.float16))


def encoded(encoder: Encoder, texts: Sequence[str], progress: Progress, stage: str) -> Vector:
    """Unit vectors of `texts` in their order, telling how far it is."""
    vectors_ND = np.empty((len(texts), encoder.dimensions), dtype=np.float32)
    # By length, since the encoder can only pad less within what it is given at once.
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    for start in range(0, len(texts), ENCODED_AT_ONCE):
        places = order[start : start + ENCODED_AT_ONCE]
        vectors_ND[places] = encoder.encode([texts[place] for place in places])
        progress(stage, min(1.0, (start + len(places)) / len(texts)))
    return vectors_ND


def _measured(card: GateCard, held_out: HeldOut, kept_share: float, wanted_acceptance: float | None) -> GateCard:
    logits_NE, labels_N = held_out.texts.logits_NE, held_out.texts.labels_N
    if len(labels_N) == 0:
        return card  # too few examples to hold any out: the card's defaults serve
    temperature = fitted_temperature(logits_NE, labels_N)
    shares_NE = probabilities(logits_NE, temperature)
    predicted_N = shares_NE.argmax(axis=1)
    table = reliability(shares_NE.max(axis=1), predicted_N == labels_N)
    inside_features = (energies(logits_NE), held_out.texts.nearness_NE.max(axis=1).astype(np.float64))
    scale = fitted_scale(
        inside_features,
        held_out.outside_features(),
        kept_share=kept_share,
        wanted_acceptance=wanted_acceptance,
        against=held_out.inside_features(),
    )
    inside_N, outside_N = (
        raw_scores(scale, *features) for features in (held_out.inside_features(), held_out.outside_features())
    )
    kept_N = raw_scores(scale, *inside_features) >= scale.score_at_half
    present = [measure for measure in per_label(labels_N, predicted_N, len(held_out.experts)) if measure.count]
    metrics = {
        "held_out_count": float(len(labels_N)),
        "accuracy": float((predicted_N == labels_N).mean()),
        "macro_f1": float(np.mean([measure.f1 for measure in present])),
        "ece": expected_calibration_error(table),
        "coverage": float(kept_N.mean()),
        f"auroc_{held_out.outside_kind}": auroc(inside_N, outside_N),
        f"accepted_{held_out.outside_kind}": float((outside_N >= scale.score_at_half).mean()),
    }
    return card.model_copy(
        update={
            "temperature": temperature,
            "inside": scale,
            "admission": fitted_admission(held_out),
            # Where only one expert's texts are held out, there is nobody inside to tell the strangers from.
            "metrics": {name: value for name, value in metrics.items() if math.isfinite(value)},
            "reliability": tuple(table),
        }
    )


def _expert_facts(
    examples: Sequence[Example], plan: RowPlan, reference_counts: list[int], held_out: HeldOut
) -> dict[str, ExpertFacts]:
    measures = per_label(held_out.texts.labels_N, held_out.texts.logits_NE.argmax(axis=1), len(plan.experts))
    counts = dict.fromkeys(plan.experts, 0)
    for example in examples:
        counts[example.expert] += 1
    return {
        name: ExpertFacts(
            origin="trained",
            rows=labels,
            references=references,
            examples=counts[name],
            recall=measure.recall if measure.count else None,
            precision=measure.precision if measure.count else None,
        )
        for name, labels, references, measure in zip(plan.experts, plan.labels, reference_counts, measures, strict=True)
    }


def _imprinted_alone(gate: Gate, expert: str, vectors_ND: Vector, card: GateCard) -> Gate:
    distinct_ND = np.unique(vectors_ND, axis=0)
    alone, _ = imprinted(gate, expert, distinct_ND, np.empty((0, vectors_ND.shape[1]), dtype=np.float32))
    facts = alone.card.model_copy(update={"data": card.data, "seed": card.seed, "parent": None})
    return Gate(facts, alone.weights_RD, alone.bias_R, alone.prototypes_RD, alone.references_SD)
