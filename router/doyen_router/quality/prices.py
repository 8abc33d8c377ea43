"""What an expert's answers cost, as far as a text alone tells: a fixed part, and one that grows with its length."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from doyen_router.quality.card import Prices

Doubles = npt.NDArray[np.float64]

# A slope from fewer would follow single answers.
FEWEST_FOR_SLOPE = 10


def fitted_prices(characters_N: Doubles, costs_usd_N: Doubles) -> Prices:
    """Least squares under the condition that neither part is negative."""
    mean_usd = float(costs_usd_N.mean())
    spread = float(characters_N.var())
    if len(costs_usd_N) < FEWEST_FOR_SLOPE or spread == 0:
        return Prices(base_usd=mean_usd)
    slope = float(np.mean((characters_N - characters_N.mean()) * (costs_usd_N - mean_usd))) / spread
    if slope <= 0:
        return Prices(base_usd=mean_usd)
    base_usd = mean_usd - slope * float(characters_N.mean())
    if base_usd >= 0:
        return Prices(base_usd=base_usd, usd_per_character=slope)
    through_zero = float(characters_N @ costs_usd_N) / float(characters_N @ characters_N)
    return Prices(base_usd=0.0, usd_per_character=through_zero)
