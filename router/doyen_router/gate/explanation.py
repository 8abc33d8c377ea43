"""Why a text went where it went, in plain values for people. Off the way of requests; it decides nothing.

Legend: F features, D dimensions of the encoder, R rows, S references, P passages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.gate.decision import Choice
from doyen_router.gate.gate import Gate, Judgement
from doyen_router.text_features import lexical_sketch

Indexes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Likeness:
    """A text that the gate holds of an expert. `cosine` is of meaning, by the encoder; `word_overlap` of the words."""

    text: str
    expert: str
    cosine: float
    word_overlap: float


@dataclass(frozen=True, slots=True)
class Candidacy:
    """How one expert fared. `evidence` and `context` are in `logit` already; `probability` is calibrated.

    `row` is the fine label, or the discovered sub-topic, whose row spoke loudest; None where the caller may not see the
    expert's material. `best_passage` is the best cosine among the passages of its store; None without any.
    """

    expert: str
    is_chosen: bool
    probability: float
    logit: float
    nearness: float
    evidence: float
    context: float
    row: str | None
    best_passage: float | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`candidates`: the chosen, the runner-up, then the others by probability. `examples` and `passages` are the
    nearest of the chosen and of the runner-up, in this order, each expert's nearest first."""

    candidates: tuple[Candidacy, ...]
    examples: tuple[Likeness, ...]
    passages: tuple[Likeness, ...]


def explain(
    gate: Gate,
    features_F: Vector,
    choice: Choice,
    *,
    context: Mapping[str, str] | None = None,
    evidence: bool = True,
    only: Collection[str] | None = None,
    count: int = 3,
) -> Explanation:
    """Of a choice that this gate made of these features, under the same `context` and with the same use of `evidence`.

    An expert that was masked for the caller is no candidate here. `only` names the experts whose texts and fine labels
    the caller may see; all candidates' when None. No text of any other expert is in the answer.
    """
    judgement = gate.judge(features_F, context or {}, evidence=evidence)
    ranked = [name for name in _ranked(choice) if name in gate.card.experts]
    seen = set(choice.probabilities if only is None else only) & set(ranked)
    rows_R = _row_logits(gate, features_F)
    passages_P = _cosines(gate.samples.passages_PD, features_F[: gate.card.encoder_dimensions])
    candidates = tuple(
        _candidacy(gate, judgement, choice, name, rows_R=rows_R, passages_P=passages_P, with_row=name in seen)
        for name in ranked
    )
    leaders = [name for name in ranked if name in choice.experts or name == choice.runner_up] or ranked[:1]
    shown = [name for name in leaders if name in seen]
    references_S = _cosines(gate.samples.references_SF[:, : gate.card.encoder_dimensions], features_F)
    return Explanation(
        candidates,
        _nearest(gate, features_F, shown, gate.samples.reference_texts, gate.reference_counts, references_S, count),
        _nearest(gate, features_F, shown, gate.samples.passage_texts, gate.passage_counts, passages_P, count),
    )


def _ranked(choice: Choice) -> list[str]:
    by_probability = sorted(choice.probabilities, key=lambda name: -choice.probabilities[name])
    first = [*choice.experts, *([choice.runner_up] if choice.runner_up else [])]
    return [name for name in dict.fromkeys([*first, *by_probability]) if name in choice.probabilities]


def _candidacy(
    gate: Gate,
    judgement: Judgement,
    choice: Choice,
    name: str,
    *,
    rows_R: Vector,
    passages_P: Vector,
    with_row: bool,
) -> Candidacy:
    place = gate.index(name)
    start = int(gate.row_starts[place])
    of_rows = rows_R[start : start + int(gate.row_counts[place])]
    of_passages = passages_P[_slice(gate.passage_counts, place)]
    return Candidacy(
        expert=name,
        is_chosen=name in choice.experts,
        probability=float(choice.probabilities[name]),
        logit=float(judgement.logits_E[place]),
        nearness=float(judgement.nearness_E[place]),
        evidence=0.0 if judgement.evidence_E is None else float(judgement.evidence_E[place]),
        context=0.0 if judgement.context_E is None else float(judgement.context_E[place]),
        row=gate.card.experts[name].rows[int(of_rows.argmax())] if with_row else None,
        best_passage=float(of_passages.max()) if len(of_passages) else None,
    )


def _nearest(
    gate: Gate,
    features_F: Vector,
    experts: Sequence[str],
    texts: Sequence[str],
    counts_E: Indexes,
    cosines_X: Vector,
    count: int,
) -> tuple[Likeness, ...]:
    sketch_L = features_F[gate.card.encoder_dimensions :]
    nearest: list[Likeness] = []
    for name in experts:
        part = _slice(counts_E, gate.index(name))
        own_texts, own_cosines = texts[part], cosines_X[part]
        for place in np.argsort(-own_cosines, kind="stable")[:count]:
            text = own_texts[int(place)]
            overlap = float(np.vecdot(lexical_sketch(text), sketch_L)) if len(sketch_L) else 0.0
            nearest.append(Likeness(text, name, float(own_cosines[place]), overlap))
    return tuple(nearest)


def _slice(counts_E: Indexes, place: int) -> slice:
    start = int(counts_E[:place].sum())
    return slice(start, start + int(counts_E[place]))


def _cosines(halves_XD: npt.NDArray[np.float16], vector_F: Vector) -> Vector:
    return np.asarray(np.vecdot(halves_XD.astype(np.float32), vector_F[: halves_XD.shape[1]]), dtype=np.float32)


def _row_logits(gate: Gate, features_F: Vector) -> Vector:
    return np.asarray(gate.rows.weights_RW @ gate.widened(features_F) + gate.rows.bias_R)
