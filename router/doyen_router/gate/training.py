"""Training a gate from labelled texts: rows, calibration, in-domain score, card. Deterministic by seed.

Everything that is measured is measured on texts that were not trained on; then all texts are trained on.
Legend: N texts, F features, E experts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.encoder.encoding import Progress, encoded
from doyen_router.errors import Invalid
from doyen_router.gate.admission import fitted_admission
from doyen_router.gate.calibration import (
    Fitted,
    calibrated,
    conformal_floors,
    expected_calibration_error,
    fitted_calibration,
    reliability,
)
from doyen_router.gate.candidates import Trial, trial
from doyen_router.gate.card import EvidenceScale, ExpertFacts, GateCard
from doyen_router.gate.context import fitted_offsets, indicators, known_pairs
from doyen_router.gate.evidence import Counts, evidence_logits, fitted_evidence, retrieved, without_own_document
from doyen_router.gate.examples import Example, data_facts
from doyen_router.gate.gate import Gate, Samples
from doyen_router.gate.heldout import HeldOut, Scored, held_out_scores, sampled
from doyen_router.gate.imprint import Own, imprinted_own
from doyen_router.gate.inside import MOST_FOR_NEIGHBOURS, auroc, fitted_scale, raw_scores
from doyen_router.gate.measures import per_label
from doyen_router.gate.members import empty_gate
from doyen_router.gate.sketch import Sketch, gathered
from doyen_router.text_features import LEXICAL_DIMENSIONS, featured

KEPT_SHARE = 0.95
# Questions that were made of documents lie nearer to them than what people type, of whom so high a floor would turn
# away three times as many as it says.
KEPT_SHARE_OF_GROUPED = 0.98


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
    sketches: Mapping[str, Sketch] | None = None,
    seed: int = 0,
    kept_share: float | None = None,
    wanted_acceptance: float | None = None,
    progress: Progress | None = None,
) -> Gate:
    """Without `validation` some examples are held out for measuring. `outside` are texts of no expert; `sketches` are
    of the experts' stores, by name, and become evidence.

    The floor of the in-domain score keeps `kept_share` of held-out texts (None: `KEPT_SHARE`). With `outside` it lets
    no more than `wanted_acceptance` of them in, or lies midway to where it would let a tenth in when that is None. One
    expert alone is imprinted, since there is nobody to tell it from, and its floor knows nothing of `outside`.
    """
    if not examples:
        raise TooFewExamples
    told = progress or (lambda _stage, _share: None)
    known = {example.expert for example in examples}
    unknown = sorted(({example.expert for example in validation or ()} | set(sketches or {})) - known)
    if unknown:
        raise UnknownLabels(unknown, sorted(known))
    features_NF = encoded_features(encoder, [example.text for example in examples], told, "encoding examples")
    validation_NF = encoded_features(
        encoder, [example.text for example in validation or ()], told, "encoding validation"
    )
    outside_NF = encoded_features(encoder, list(outside or ()), told, "encoding outside texts")
    data = {"examples": data_facts(examples)}
    if validation:
        data["validation"] = data_facts(validation)
    if outside:
        data["outside"] = data_facts(outside)
    card = GateCard(
        created=datetime.now(UTC),
        encoder_identity=encoder.identity,
        encoder_dimensions=encoder.dimensions,
        lexical_dimensions=LEXICAL_DIMENSIONS,
        seed=seed,
        data=data,
    )
    if len(known) == 1:
        name = next(iter(known))
        return _imprinted_alone(empty_gate(encoder), name, examples, features_NF, card, (sketches or {}).get(name))

    held_out = held_out_scores(
        examples,
        features_NF,
        encoder.dimensions,
        list(validation or ()),
        validation_NF,
        outside_NF,
        seed=seed,
        progress=told,
    )
    store, passage_counts = gathered(sketches or {}, held_out.experts, encoder.dimensions)
    # A newcomer is admitted by its rows alone; its evidence comes on top, as everyone's does.
    admission = fitted_admission(held_out)
    evidence, held_out = _with_evidence(held_out, examples, store, passage_counts)
    told("training", 0.0)
    trained = held_out.whole or trial(held_out.spec, examples, features_NF, encoder.dimensions, seed=seed)
    told("training", 1.0)
    expert_N = np.array([held_out.experts.index(example.expert) for example in examples], dtype=np.intp)
    references = sampled(expert_N, np.arange(len(examples), dtype=np.intp), seed)
    if kept_share is None:
        kept_share = KEPT_SHARE_OF_GROUPED if all(example.group for example in examples) else KEPT_SHARE
    contexts = [dict(example.context) for example in (validation or examples)]
    card, fitted = _measured(card, held_out, kept_share, wanted_acceptance, len(references))
    card = card.model_copy(
        update={
            "head": held_out.spec.kind,
            "heads": held_out.losses,
            "evidence": evidence,
            "admission": admission,
            "experts": _expert_facts(
                examples, trained, np.bincount(expert_N[references]).tolist(), passage_counts.tolist(), held_out, fitted
            ),
        }
    )
    card = _with_context(card, held_out, contexts, fitted)
    samples = Samples(
        features_NF[references].astype(np.float16),
        tuple(examples[place].text for place in references),
        store.vectors_PD,
        store.texts,
    )
    return replace(trained.gate, card=card, samples=samples)


def encoded_features(encoder: Encoder, texts: Sequence[str], progress: Progress, stage: str) -> Vector:
    """The features of `texts` in their order, (N, F), telling how far it is."""
    return featured(encoded(encoder, texts, progress, stage), texts)


def _with_evidence(
    held_out: HeldOut, examples: Sequence[Example], store: Sketch, counts_E: Counts
) -> tuple[EvidenceScale, HeldOut]:
    """How much the stores should count, and the held-out scores with their evidence."""

    def found(scored: Scored) -> tuple[Vector, Vector]:
        cosines_NP = scored.features_NF[:, : store.vectors_PD.shape[1]] @ store.vectors_PD.astype(np.float32).T
        groups = [examples[place].group if place >= 0 else None for place in scored.places_N.tolist()]
        return retrieved(without_own_document(cosines_NP, counts_E, groups, store.documents), counts_E)

    def moved(scored: Scored) -> Scored:
        return replace(scored, logits_NE=scored.logits_NE + evidence_logits(scale, *found(scored), counts_E))

    texts = held_out.texts
    grouped = [place >= 0 and examples[place].group is not None for place in texts.places_N.tolist()]
    grouped_N = np.array(grouped, dtype=np.bool_)
    scale = fitted_evidence(texts.logits_NE, *found(texts), texts.labels_N, counts_E, grouped_N=grouped_N)
    if not counts_E.any():
        return scale, held_out
    return scale, replace(
        held_out, texts=moved(texts), seen=moved(held_out.seen), outside=held_out.outside and moved(held_out.outside)
    )


def _measured(
    card: GateCard, held_out: HeldOut, kept_share: float, wanted_acceptance: float | None, references: int
) -> tuple[GateCard, Fitted | None]:
    logits_NE, labels_N = held_out.texts.logits_NE, held_out.texts.labels_N
    if len(labels_N) == 0:
        return card, None  # too few examples to hold any out: the card's defaults serve
    fitted = fitted_calibration(logits_NE, labels_N, seed=card.seed)
    shares_NE = calibrated(fitted.calibration, logits_NE * fitted.scale_E + fitted.shift_E)
    predicted_N = shares_NE.argmax(axis=1)
    table = reliability(shares_NE.max(axis=1), predicted_N == labels_N)
    inside_features = held_out.texts.inside_features()
    scale = fitted_scale(
        inside_features,
        held_out.outside_features(),
        kept_share=kept_share,
        wanted_acceptance=wanted_acceptance,
        are_strangers=held_out.outside is not None,
        against=held_out.inside_features(),
        with_neighbours=references <= MOST_FOR_NEIGHBOURS,
    )
    inside_N, outside_N = (
        raw_scores(scale, features) for features in (held_out.inside_features(), held_out.outside_features())
    )
    kept_N = raw_scores(scale, inside_features) >= scale.score_at_half
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
    update = {
        "calibration": fitted.calibration,
        "calibrations": fitted.losses,
        "conformal": conformal_floors(shares_NE, labels_N),
        "inside": scale,
        # Where only one expert's texts are held out, there is nobody inside to tell the strangers from.
        "metrics": {name: value for name, value in metrics.items() if math.isfinite(value)},
        "reliability": tuple(table),
    }
    return card.model_copy(update=update), fitted


def _expert_facts(
    examples: Sequence[Example],
    trained: Trial,
    reference_counts: list[int],
    passage_counts: list[int],
    held_out: HeldOut,
    fitted: Fitted | None,
) -> dict[str, ExpertFacts]:
    names = held_out.experts
    measures = per_label(held_out.texts.labels_N, held_out.texts.logits_NE.argmax(axis=1), len(names))
    counts = dict.fromkeys(names, 0)
    for example in examples:
        counts[example.expert] += 1
    return {
        name: ExpertFacts(
            origin="trained",
            rows=trained.row_names[name],
            references=reference_counts[place],
            passages=passage_counts[place],
            examples=counts[name],
            recall=measures[place].recall if measures[place].count else None,
            precision=measures[place].precision if measures[place].count else None,
            scale=1.0 if fitted is None else float(fitted.scale_E[place]),
            shift=0.0 if fitted is None else float(fitted.shift_E[place]),
        )
        for place, name in enumerate(names)
    }


def _with_context(
    card: GateCard, held_out: HeldOut, contexts: Sequence[dict[str, str]], fitted: Fitted | None
) -> GateCard:
    """`contexts` are those of the texts that were held out: of the validation set, or of the examples."""
    texts = held_out.texts
    own = contexts if len(texts.labels_N) and texts.places_N[0] < 0 else [contexts[place] for place in texts.places_N]
    names = known_pairs(own)
    if not names or fitted is None:
        return card
    logits_NE = texts.logits_NE * fitted.scale_E + fitted.shift_E
    found_NC, temperature = indicators(own, names), card.calibration.temperature
    offsets_CE = fitted_offsets(logits_NE, found_NC, texts.labels_N, temperature=temperature)
    # Measured on the other half each time: offsets flatter themselves on what they were fitted on.
    half_N = np.arange(len(texts.labels_N)) % 2 == 0
    right = 0
    for part_N in (half_N, ~half_N):
        halves_CE = fitted_offsets(
            logits_NE[~part_N], found_NC[~part_N], texts.labels_N[~part_N], temperature=temperature
        )
        moved_NE = logits_NE[part_N] + found_NC[part_N] @ halves_CE
        right += int((moved_NE.argmax(axis=1) == texts.labels_N[part_N]).sum())
    # Of the logits before each expert's own scale, where serving adds them.
    offsets_CE = offsets_CE / fitted.scale_E
    experts = {
        name: facts.model_copy(
            update={"context": {pair: float(offsets_CE[at, place]) for at, pair in enumerate(names)}}
        )
        for place, (name, facts) in enumerate(card.experts.items())
    }
    metrics = card.metrics | {"accuracy_with_context": right / len(texts.labels_N)}
    return card.model_copy(update={"experts": experts, "context_features": tuple(names), "metrics": metrics})


def _imprinted_alone(
    gate: Gate, expert: str, examples: Sequence[Example], features_NF: Vector, card: GateCard, store: Sketch | None
) -> Gate:
    distinct = sorted({example.text: place for place, example in enumerate(examples)}.values())
    nothing = gathered({}, (), gate.card.encoder_dimensions)[0]
    texts = tuple(examples[place].text for place in distinct)
    own = Own(features_NF[distinct], texts, features_NF[:0], (), store or nothing)
    alone, _ = imprinted_own(gate, expert, own)
    facts = alone.card.model_copy(update={"data": card.data, "seed": card.seed, "parent": None})
    return Gate(facts, alone.rows, alone.samples)
