"""What a quality model says of itself: its data, its kernel, and each expert's facts and prices."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, FiniteFloat

from doyen_router.gate.card import DataFacts, Facts
from doyen_router.quality.form import NAMES


class Kernel(Facts):
    """How alike two texts are: exp(-`sharpness` x distance), in the encoder's space joined with the text's form.

    `form_share` weighs the form against the meaning; `ridge` is what a text's own scores are mistrusted by.
    """

    sharpness: FiniteFloat = 2.0
    form_share: FiniteFloat = 0.5
    ridge: FiniteFloat = Field(default=5.0, gt=0)


class Prices(Facts):
    """An expert's expected cost: `base_usd` + `usd_per_character` x characters of the text. Neither is negative."""

    base_usd: FiniteFloat = Field(ge=0)
    usd_per_character: FiniteFloat = Field(default=0.0, ge=0)

    def cost_usd(self, characters: int) -> float:
        return self.base_usd + self.usd_per_character * characters


class ExpertFacts(Facts):
    """`level` is the expert's mean score beyond what the shared part expects; `rows` those that it was scored on."""

    origin: Literal["trained", "added"]
    rows: int
    mean_score: FiniteFloat
    level: FiniteFloat
    prices: Prices


class QualityCard(Facts):
    """`panels` has the experts of each panel of landmarks, in the order of its tensors."""

    format: Literal[1] = 1
    created: datetime
    parent: str | None = None
    encoder_identity: str
    encoder_dimensions: int
    seed: int = 0
    data: dict[str, DataFacts] = Field(default_factory=dict)
    form: tuple[str, ...] = NAMES
    kernel: Kernel = Field(default_factory=Kernel)
    panels: tuple[tuple[str, ...], ...]
    experts: dict[str, ExpertFacts]
    metrics: dict[str, FiniteFloat] = Field(default_factory=dict)
