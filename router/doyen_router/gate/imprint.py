"""Hot-adding: an expert's rows from its texts and passages alone, scaled against the others without retraining.

The rows come from `newcomer.py`; here they get a bias, a place among the in-domain texts, and an account of what they
would take from whom. Legend: N own texts, P passages, R rows of the newcomer, S references of the gate, D dimensions of
the encoder, F features, E experts already there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.errors import Conflict, Invalid
from doyen_router.gate.artifact import GateForAnotherEncoder
from doyen_router.gate.card import ExpertFacts
from doyen_router.gate.confusion import Confusion, expected_confusions, flattery
from doyen_router.gate.evidence import evidence_logits, retrieved
from doyen_router.gate.gate import Gate, Rows, Samples
from doyen_router.gate.inside import Doubles
from doyen_router.gate.members import only, with_expert, with_expert_of
from doyen_router.gate.newcomer import (
    Others,
    Prototypes,
    lead_at,
    new_rows,
    prototypes_of,
    slope_for,
)
from doyen_router.gate.reach import nearest_cosines, seen_by_gate, stretch
from doyen_router.gate.references import SAME, reference_logits
from doyen_router.gate.sketch import Sketch, passages_each, sketched
from doyen_router.text_features import features

Bools = npt.NDArray[np.bool_]

EXAMPLE_ROWS = 64
PASSAGE_ROWS = 16
REFERENCES = 64
# Where a first expert's logits lie.
FIRST_LOGIT = 4.0


class ExpertAlreadyInGate(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"the gate knows an expert {name!r} already; remove it first")


class NothingToImprint(Invalid):
    def __init__(self, name: str) -> None:
        super().__init__(f"the expert {name!r} has no description, no examples and no passages to be known by")


@dataclass(frozen=True, eq=False)
class Own:
    """The newcomer's material as features. The description is the first of the passages, if there is one.

    `store` is what is kept of the passages as evidence.
    """

    examples_NF: Vector
    example_texts: tuple[str, ...]
    passages_PF: Vector
    passage_texts: tuple[str, ...]
    store: Sketch


def add_expert(
    gate: Gate,
    name: str,
    encoder: Encoder,
    *,
    description: str = "",
    examples: Sequence[str] = (),
    passages: Sequence[str] | Vector = (),
    passage_texts: Sequence[str] = (),
    rivals: Collection[str] | None = None,
) -> tuple[Gate, list[Confusion]]:
    """The gate with the newcomer, and the confusion with each neighbour, greatest first.

    `passages` are texts, or their vectors (P, D) from the same encoder, with their `passage_texts` if known. Examples
    weigh most; without any, description and passages stand for them. `rivals` are the experts that the newcomer will be
    chosen among, all of them when None: it is scaled and measured against no others.
    """
    if encoder.identity != gate.card.encoder_identity:
        raise GateForAnotherEncoder(gate.card.encoder_identity, encoder.identity)
    if not name.strip() or "\0" in name:
        raise Invalid("an expert needs a name", param="name")
    if name in gate.card.experts:
        raise ExpertAlreadyInGate(name)
    texts = _distinct(examples)
    if isinstance(passages, np.ndarray):
        known = tuple(passage_texts) if len(passage_texts) == len(passages) else ("",) * len(passages)
        passages_PF = np.zeros((len(passages), gate.dimensions), dtype=np.float32)
        passages_PF[:, : encoder.dimensions] = passages
    else:
        known = _distinct(passages)
        passages_PF = features(encoder, known) if known else _none(gate)
    store = sketched(passages_PF[:, : encoder.dimensions], known, count=passages_each(len(gate.experts) + 1))
    if description.strip():
        passages_PF, known = np.concatenate([features(encoder, [description]), passages_PF]), (description, *known)
    if len(texts) + len(passages_PF) == 0:
        raise NothingToImprint(name)
    own = Own(features(encoder, texts) if texts else _none(gate), texts, passages_PF, known, store)
    among = gate if rivals is None or set(rivals) >= set(gate.experts) else only(gate, rivals)
    newcomer, confusions = imprinted_own(among, name, own)
    return (newcomer if among is gate else with_expert_of(gate, newcomer, name)), confusions


def imprinted(
    gate: Gate,
    name: str,
    examples_NF: Vector,
    passages_PF: Vector,
    example_texts: Sequence[str] = (),
    passage_texts: Sequence[str] = (),
) -> tuple[Gate, list[Confusion]]:
    """`add_expert` on features; texts may be unknown. The passages are not kept as evidence."""
    nothing = sketched(np.zeros((0, gate.card.encoder_dimensions), dtype=np.float32), ())
    own = Own(
        examples_NF,
        tuple(example_texts) or ("",) * len(examples_NF),
        passages_PF,
        tuple(passage_texts) or ("",) * len(passages_PF),
        nothing,
    )
    return imprinted_own(gate, name, own)


def imprinted_own(gate: Gate, name: str, own: Own) -> tuple[Gate, list[Confusion]]:
    dimensions = gate.card.encoder_dimensions
    has_examples = len(own.examples_NF) > 0
    own_NF = own.examples_NF if has_examples else own.passages_PF
    labels_N, own_rows_RF = prototypes_of(own_NF, EXAMPLE_ROWS if has_examples else PASSAGE_ROWS, dimensions)
    prototypes = _with_passages(own, own_rows_RF, dimensions) if has_examples else _equal(own_rows_RF)

    references_SF = gate.samples.references_SF.astype(np.float32)
    others_SE, lone_S = reference_logits(gate, references_SF)
    others_NE, nearness_NE = _known(gate, own_NF)
    found_S, found_N = (_found(gate, own.store, texts_NF) for texts_NF in (references_SF, own_NF))
    best_S, best_N = _best(others_SE), _best(others_NE)
    slope = slope_for(gate.card.admission.slope, len(own.examples_NF))
    rows = new_rows(
        own_NF,
        labels_N,
        best_N - found_N,
        prototypes,
        Others(references_SF[~lone_S], (best_S - found_S)[~lone_S], len(gate.experts)),
        slope=slope,
        dimensions=dimensions,
        learns=has_examples,
    )
    own_N, leads_S = rows.own_N + found_N, best_S - found_S - rows.logits(references_SF)
    nearest_N = nearest_cosines(own_NF, labels_N, prototypes, dimensions)
    # Texts made of one document are nearer to each other than what people ask is to any of them.
    usual_N = own_N - slope * np.maximum(nearest_N - gate.card.inside.nearness_mean, 0)
    bias = _bias(gate, float(np.median(usual_N)), others_SE, best_S, leads_S, lone_S)
    kept = np.linspace(0, len(own_NF) - 1, min(REFERENCES, len(own_NF))).astype(np.intp)
    own_texts = own.example_texts if has_examples else own.passage_texts
    facts = ExpertFacts(
        origin="imprinted",
        rows=tuple(f"{name}#{place}" for place in range(len(prototypes.features_RF))),
        references=len(kept),
        examples=len(own.examples_NF),
        passages=len(own.store),
    )
    logits_NE = np.column_stack([_known(gate, own_NF, calibrated=False)[0], own_N + bias])
    known = seen_by_gate(logits_NE, nearness_NE, own_NF[:, :dimensions], references_SF[:, :dimensions])
    newcomer = with_expert(
        gate,
        name,
        facts,
        Rows(
            np.asarray(rows.weights_RF, dtype=np.float32),
            np.asarray(rows.offsets_R + bias, dtype=np.float32),
            np.asarray(
                stretch(gate.card.inside, known, nearest_N) * prototypes.features_RF[:, :dimensions], dtype=np.float32
            ),
        ),
        Samples(
            own_NF[kept].astype(np.float16),
            tuple(own_texts[place] for place in kept.tolist()),
            own.store.vectors_PD,
            own.store.texts,
        ),
    )
    unseen_S = leads_S - bias - gate.card.admission.optimism
    if not lone_S.all():
        unseen_S += flattery(leads_S[~lone_S], gate.card.admission.wanted_loss)
    return newcomer, expected_confusions(
        gate.experts, unseen_S, lone_S, gate.reference_experts(), own_N + bias, others_NE
    )


def _with_passages(own: Own, example_rows_RF: Vector, dimensions: int) -> Prototypes:
    """All passages together weigh no more than all examples together."""
    if not len(own.passages_PF):
        return _equal(example_rows_RF)
    _, passage_rows_RF = prototypes_of(own.passages_PF, PASSAGE_ROWS, dimensions)
    offset = -np.log(max(1.0, len(passage_rows_RF) / len(example_rows_RF)))
    offsets_R = np.repeat([0.0, offset], [len(example_rows_RF), len(passage_rows_RF)])
    return Prototypes(np.concatenate([example_rows_RF, passage_rows_RF]), offsets_R.astype(np.float32))


def _equal(rows_RF: Vector) -> Prototypes:
    return Prototypes(rows_RF, np.zeros(len(rows_RF), dtype=np.float32))


def _bias(gate: Gate, own: float, others_SE: Vector, best_S: Doubles, leads_S: Doubles, lone_S: Bools) -> float:
    """`own` is the newcomer's logit, before any bias, of a text that is as near to it as usual."""
    if not gate.experts or not len(best_S):
        return FIRST_LOGIT - own
    # Three bounds: no more of the others' traffic than wanted; own texts no surer than the others' texts are, which
    # holds where no other expert is near; and a place between own and foreign for texts that are strange to the
    # newcomer, which holds for one who is known by little: else everything that nobody is sure of would go there.
    is_own_SE = gate.reference_experts()[:, None] == np.arange(others_SE.shape[1])
    sure = float(np.median(others_SE[is_own_SE]))
    bounds = [sure - own]
    if others_SE.shape[1] > 1:
        foreign = float(np.median(np.where(is_own_SE, -np.inf, others_SE).max(axis=1)))
        bounds.append((sure + foreign) / 2 - float(np.median(best_S - leads_S)))
    if not lone_S.all():
        # It cannot be read off a text whose own logit is a guess.
        admission = gate.card.admission
        bounds.append(lead_at(leads_S[~lone_S], admission.wanted_loss) - admission.optimism)
    return min(bounds)


def _known(gate: Gate, texts_NF: Vector, *, calibrated: bool = True) -> tuple[Vector, Vector]:
    """Logits, with each expert's scale and shift if `calibrated`, and nearness of the experts there, (N, E) each."""
    if not gate.experts:
        none = np.empty((len(texts_NF), 0), dtype=np.float32)
        return none, none
    logits_NE, nearness_NE = gate.batch_scores(texts_NF)
    if calibrated:
        facts = gate.card.experts.values()
        scaled_NE = logits_NE * [of.scale for of in facts] + [of.shift for of in facts]
        logits_NE = scaled_NE.astype(np.float32)
    return logits_NE, nearness_NE


def _best(logits_NE: Vector) -> Doubles:
    return np.asarray(logits_NE.max(axis=1) if logits_NE.shape[1] else np.zeros(len(logits_NE)), dtype=np.float64)


def _found(gate: Gate, store: Sketch, texts_NF: Vector) -> Doubles:
    """What the newcomer's passages add to its logits, (N,). A passage is no evidence for itself."""
    if not len(store):
        return np.zeros(len(texts_NF))
    cosines_NP = texts_NF[:, : gate.card.encoder_dimensions] @ store.vectors_PD.astype(np.float32).T
    counts_1 = np.array([len(store)], dtype=np.intp)
    found = retrieved(np.where(cosines_NP > SAME, 0, cosines_NP).astype(np.float32), counts_1)
    return np.asarray(evidence_logits(gate.card.evidence, *found, counts_1)[:, 0], dtype=np.float64)


def _distinct(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text in dict.fromkeys(texts) if text.strip())


def _none(gate: Gate) -> Vector:
    return np.empty((0, gate.dimensions), dtype=np.float32)
