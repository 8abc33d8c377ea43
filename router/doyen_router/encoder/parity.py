"""Whether a serving encoder gives the vectors of its torch reference. Legend: N texts, D dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import numpy as np

from doyen_router.encoder.artifact import Parity, Precision
from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.errors import Invalid


class ParityMissed(Invalid):
    """Carries what was measured."""

    def __init__(self, tried: Sequence[Parity]) -> None:
        self.tried = tuple(tried)
        figures = ", ".join(f"{parity.precision} {parity.lowest_cosine:.4f}" for parity in tried)
        super().__init__(
            f"the exported encoder does not give the reference's vectors: the lowest cosine over {tried[0].texts} "
            f"texts is {figures}, wanted {tried[0].wanted_cosine}; nothing was written. "
            "Export with --no-int8, or with a lower --min-cosine if the gate's accuracy bears it",
            param="min_cosine",
        )


def parity_texts() -> list[str]:
    """The texts that come with the package: of many fields, scripts and lengths, one beyond 256 tokens."""
    content = resources.files("doyen_router.encoder").joinpath("parity_texts.txt").read_text(encoding="utf-8")
    return [line for line in content.split("\n") if line]


def measured_parity(
    encoder: Encoder, reference_ND: Vector, texts: Sequence[str], *, precision: Precision, wanted_cosine: float
) -> Parity:
    """All texts at once, so that short ones are padded, and then each alone."""
    together_N = (encoder.encode(texts) * reference_ND).sum(axis=1)
    alone_N = [float(encoder.encode([text])[0] @ vector_D) for text, vector_D in zip(texts, reference_ND, strict=True)]
    return Parity(
        precision=precision,
        texts=len(texts),
        # A vector that is not finite must fail the bar, and JSON has no such number.
        min_cosine=_finite(together_N.min()),
        mean_cosine=_finite(together_N.mean()),
        alone_min_cosine=_finite(min(alone_N)),
        wanted_cosine=wanted_cosine,
    )


def similarity_kept(before_ND: Vector, after_ND: Vector) -> float:
    """Pearson's correlation of all pairwise cosines: 1 when the texts lie to each other as they did."""
    pairs = np.triu_indices(len(before_ND), k=1)
    return float(np.corrcoef((before_ND @ before_ND.T)[pairs], (after_ND @ after_ND.T)[pairs])[0, 1])


def _finite(cosine: float) -> float:
    return float(cosine) if np.isfinite(cosine) else -1.0
