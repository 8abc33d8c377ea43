"""What a gate's own sample of texts would score if it had not been learned by heart.

Legend: S references, R rows, E experts, D dimensions of the encoder, F features, W what rows weigh.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.gate.clusters import unit
from doyen_router.gate.evidence import evidence_logits, retrieved
from doyen_router.gate.gate import Gate
from doyen_router.gate.inside import energies
from doyen_router.gate.newcomer import LONE_SIMILARITY

# A prototype that is the reference itself says nothing of how near other texts come; float16 rounds.
SAME = 0.998
MASKED = -1e4


def reference_logits(gate: Gate, references_SF: Vector) -> tuple[Vector, npt.NDArray[np.bool_]]:
    """Logits (S, E) of the reference sample, as if no prototype and no passage had been made of the reference itself.

    With evidence, and with each expert's scale and shift. Also which references (S,) are lone, the only text of their
    expert: with their prototype no row of it is left, and their own logit is what a text `LONE_SIMILARITY` away from
    them would get.
    """
    if not gate.experts:
        return np.empty((len(references_SF), 0), dtype=np.float32), np.zeros(len(references_SF), dtype=np.bool_)
    vectors_SD = references_SF[:, : gate.card.encoder_dimensions]
    products_SR = gate.widened(references_SF) @ gate.rows.weights_RW.T
    same_SR = vectors_SD @ unit(gate.rows.prototypes_RD).T > SAME
    own_SR = gate.reference_experts()[:, None] == np.repeat(np.arange(len(gate.experts)), gate.row_counts)
    lone_S = np.asarray((same_SR | ~own_SR).all(axis=1), dtype=np.bool_)
    logits_SR = np.where(same_SR, MASKED, products_SR + gate.rows.bias_R)
    logits_SR = np.where(own_SR & lone_S[:, None], LONE_SIMILARITY * products_SR + gate.rows.bias_R, logits_SR)
    columns = [
        energies(logits_SR[:, start : start + count])
        for start, count in zip(gate.row_starts, gate.row_counts, strict=True)
    ]
    logits_SE = np.stack(columns, axis=1)
    if gate.has_evidence:
        cosines_SP = vectors_SD @ gate.samples.passages_PD.astype(np.float32).T
        found = retrieved(np.where(cosines_SP > SAME, 0, cosines_SP).astype(np.float32), gate.passage_counts)
        logits_SE = logits_SE + evidence_logits(gate.card.evidence, *found, gate.passage_counts)
    facts = gate.card.experts.values()
    scaled_SE = logits_SE * [of.scale for of in facts] + [of.shift for of in facts]
    return scaled_SE.astype(np.float32), lone_S
