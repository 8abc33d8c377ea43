"""Hot-adding: an expert's rows from its texts and passages alone, scaled against the others without retraining.

A row is a prototype p of the newcomer: its logit is slope x cos(x, p) + bias. Legend: N own texts, P passages,
R rows of the newcomer, S reference vectors of the gate, D dimensions, E experts already there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.errors import Conflict, Invalid
from doyen_router.gate.artifact import GateForAnotherEncoder
from doyen_router.gate.card import ExpertFacts
from doyen_router.gate.clusters import spherical_clusters, unit
from doyen_router.gate.gate import Gate, remove_expert, with_expert, with_expert_of
from doyen_router.gate.inside import Doubles, energies

EXAMPLE_ROWS = 64
PASSAGE_ROWS = 16
REFERENCES = 64
# What an own text would score when there is no second one to measure by, and where a first expert's logits lie.
LONE_SIMILARITY = 0.45
FIRST_LOGIT = 4.0
# A prototype that is the reference itself says nothing of how near other texts come; float16 rounds.
SAME = 0.998
MASKED = -1e4


class ExpertAlreadyInGate(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"the gate knows an expert {name!r} already; remove it first")


class NothingToImprint(Invalid):
    def __init__(self, name: str) -> None:
        super().__init__(f"the expert {name!r} has no description, no examples and no passages to be known by")


@dataclass(frozen=True, slots=True)
class Confusion:
    """Expected from the gate's reference sample: the share of the neighbour's traffic that the newcomer would take,
    and the share of the newcomer's own texts that the neighbour would keep."""

    expert: str
    theirs_lost: float
    ours_lost: float


def add_expert(
    gate: Gate,
    name: str,
    encoder: Encoder,
    *,
    description: str = "",
    examples: Sequence[str] = (),
    passages: Sequence[str] | Vector = (),
    rivals: Collection[str] | None = None,
) -> tuple[Gate, list[Confusion]]:
    """The gate with the newcomer, and the confusion with each neighbour, greatest first.

    `passages` are texts, or their vectors (P, D) from the same encoder. Examples weigh most; without any, description
    and passages stand for them. `rivals` are the experts that the newcomer will be chosen among, all of them when None:
    it is scaled and measured against no others.
    """
    if encoder.identity != gate.card.encoder_identity:
        raise GateForAnotherEncoder(gate.card.encoder_identity, encoder.identity)
    if name in gate.card.experts:
        raise ExpertAlreadyInGate(name)
    texts = [text for text in dict.fromkeys(examples) if text.strip()]
    examples_ND = encoder.encode(texts) if texts else _none(gate)
    passages_PD = passages if isinstance(passages, np.ndarray) else _passage_vectors(gate, encoder, passages)
    if description.strip():
        passages_PD = np.concatenate([encoder.encode([description]), passages_PD])
    if len(examples_ND) + len(passages_PD) == 0:
        raise NothingToImprint(name)
    among = gate
    for other in gate.experts:
        if rivals is not None and other not in rivals:
            among = remove_expert(among, other)
    newcomer, confusions = imprinted(among, name, examples_ND, passages_PD)
    return (newcomer if among is gate else with_expert_of(gate, newcomer, name)), confusions


def imprinted(gate: Gate, name: str, examples_ND: Vector, passages_PD: Vector) -> tuple[Gate, list[Confusion]]:
    """`add_expert` on vectors; the first passage may be the description."""
    slope = gate.card.admission.slope
    labels_N, example_rows = spherical_clusters(examples_ND, EXAMPLE_ROWS) if len(examples_ND) else _nothing(gate)
    labels_P, passage_rows = spherical_clusters(passages_PD, PASSAGE_ROWS) if len(passages_PD) else _nothing(gate)
    rows_RD = np.concatenate([example_rows, passage_rows])
    offsets_R = np.zeros(len(rows_RD), dtype=np.float32)
    if len(example_rows):
        # All passages together weigh no more than all examples together.
        offsets_R[len(example_rows) :] = -np.log(max(1.0, len(passage_rows) / len(example_rows)))
    own_ND = examples_ND if len(examples_ND) else passages_PD
    own_labels_N = labels_N if len(examples_ND) else labels_P
    own_similarities_NR = _without_itself(own_ND, own_labels_N, rows_RD)
    own_logits_N = energies(slope * own_similarities_NR + offsets_R) if len(own_ND) > 1 else np.array([0.0])
    nearest = float(own_similarities_NR.max(axis=1).mean()) if len(own_ND) > 1 else LONE_SIMILARITY
    if len(own_ND) == 1:
        own_logits_N = np.array([slope * LONE_SIMILARITY])

    references_SD = gate.references_SD.astype(np.float32)
    others_SE, lone_S = reference_logits(gate, references_SD)
    taken_S = energies(slope * (references_SD @ rows_RD.T) + offsets_R) if len(references_SD) else np.empty(0)
    bias = _bias(gate, own_logits_N, taken_S[~lone_S], others_SE, lone_S)

    facts = ExpertFacts(
        origin="imprinted",
        rows=tuple(f"{name}#{place}" for place in range(len(rows_RD))),
        references=min(REFERENCES, len(examples_ND) + len(passages_PD)),
        examples=len(examples_ND),
    )
    # Lengthened where own texts lie further from their prototypes than those of the trained experts do from theirs.
    stretch = float(np.clip(gate.card.inside.nearness_mean / max(nearest, 1e-3), 1.0, 1.5))
    newcomer = with_expert(
        gate,
        name,
        facts,
        (
            np.asarray(slope * rows_RD, dtype=np.float32),
            np.asarray(offsets_R + bias, dtype=np.float32),
            np.asarray(stretch * rows_RD, dtype=np.float32),
        ),
        np.concatenate([examples_ND, passages_PD])[:REFERENCES].astype(np.float16),
    )
    return newcomer, _confusions(gate, own_ND, own_logits_N + bias, taken_S + bias, others_SE)


def reference_logits(gate: Gate, references_SD: Vector) -> tuple[Vector, npt.NDArray[np.bool_]]:
    """Logits (S, E) of the reference sample, as if no imprinted prototype had been made of the reference itself.

    Also which references (S,) are lone, the only text of their expert: with their prototype no row of it is left, and
    their own logit is what a text `LONE_SIMILARITY` away from them would get.
    """
    if not gate.experts:
        return np.empty((len(references_SD), 0), dtype=np.float32), np.zeros(len(references_SD), dtype=np.bool_)
    products_SR = references_SD @ gate.weights_RD.T
    same_SR = references_SD @ unit(gate.prototypes_RD).T > SAME
    own_SR = gate.reference_experts()[:, None] == np.repeat(np.arange(len(gate.experts)), gate.row_counts)
    lone_S = np.asarray((same_SR | ~own_SR).all(axis=1), dtype=np.bool_)
    logits_SR = np.where(same_SR, MASKED, products_SR + gate.bias_R)
    logits_SR = np.where(own_SR & lone_S[:, None], LONE_SIMILARITY * products_SR + gate.bias_R, logits_SR)
    columns = [
        energies(logits_SR[:, start : start + count])
        for start, count in zip(gate.row_starts, gate.row_counts, strict=True)
    ]
    return np.stack(columns, axis=1).astype(np.float32), lone_S


def _bias(
    gate: Gate, own_logits_N: Doubles, taken_S: Doubles, others_SE: Vector, lone_S: npt.NDArray[np.bool_]
) -> float:
    """`taken_S` is of the references that are not lone."""
    if others_SE.size == 0:
        return FIRST_LOGIT - float(np.median(own_logits_N))
    best_S = others_SE.max(axis=1)
    # Two bounds: no more of the others' traffic than wanted, and own texts no surer than the others' texts are. The
    # second holds where no other expert is near; else everything strange to all would go to the newcomer.
    alike = float(np.median(best_S) - np.median(own_logits_N))
    if lone_S.all():
        # The first cannot be read off a text whose own logit is a guess.
        return alike
    lead_S = best_S[~lone_S] - taken_S
    losing = float(np.quantile(lead_S, gate.card.admission.wanted_loss)) - gate.card.admission.optimism
    return min(losing, alike)


def _without_itself(own_ND: Vector, labels_N: npt.NDArray[np.intp], rows_RD: Vector) -> Vector:
    """Cosines (N, R) of own texts to the rows, each text's own row made without it (-1 when nothing else is in it).

    The rows of `labels_N` come first in `rows_RD`.
    """
    similarities_NR = own_ND @ rows_RD.T
    counts = np.bincount(labels_N)
    sums_RD = np.zeros((len(counts), own_ND.shape[1]), dtype=np.float32)
    np.add.at(sums_RD, labels_N, own_ND)
    rest_ND = unit(sums_RD[labels_N] - own_ND)
    own_cosines_N = np.where(counts[labels_N] > 1, np.vecdot(rest_ND, own_ND), -1.0)
    similarities_NR[np.arange(len(own_ND)), labels_N] = own_cosines_N
    return similarities_NR


def _confusions(
    gate: Gate, own_ND: Vector, own_logits_N: Doubles, taken_S: Doubles, others_SE: Vector
) -> list[Confusion]:
    if others_SE.size == 0:
        return []
    theirs_S = gate.reference_experts()
    lost_S = taken_S + gate.card.admission.optimism > others_SE.max(axis=1)
    kept_NE = gate.batch_scores(own_ND)[0]
    keeper_N = np.where(kept_NE.max(axis=1) > own_logits_N, kept_NE.argmax(axis=1), -1)
    confusions = [
        Confusion(
            expert,
            float(lost_S[theirs_S == place].mean()) if (theirs_S == place).any() else 0.0,
            float((keeper_N == place).mean()),
        )
        for place, expert in enumerate(gate.experts)
    ]
    return sorted(confusions, key=lambda confusion: -(confusion.theirs_lost + confusion.ours_lost))


def _passage_vectors(gate: Gate, encoder: Encoder, passages: Sequence[str] | Vector) -> Vector:
    texts = [text for text in dict.fromkeys(cast("Sequence[str]", passages)) if text.strip()]
    return encoder.encode(texts) if texts else _none(gate)


def _none(gate: Gate) -> Vector:
    return np.empty((0, gate.card.encoder_dimensions), dtype=np.float32)


def _nothing(gate: Gate) -> tuple[npt.NDArray[np.intp], Vector]:
    return np.empty(0, dtype=np.intp), _none(gate)
