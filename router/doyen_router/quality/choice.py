"""Who is worth the money: quality minus lambda x cost. A pure function of model, text and lambda."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from doyen_router.encoder.contract import Vector
from doyen_router.errors import Invalid
from doyen_router.quality.model import ExpertNotAppraised, QualityModel


class LambdaInvalid(Invalid):
    def __init__(self, value: float) -> None:
        super().__init__(f"lambda is what one USD is worth in quality, zero or more; {value} is not", param="lambda")


class NobodyAllowed(Invalid):
    def __init__(self) -> None:
        super().__init__("no expert is allowed, so none can be chosen", param="allowed")


@dataclass(frozen=True, slots=True)
class Appraisal:
    """`value` is `quality` - lambda x `cost_usd`."""

    expert: str
    quality: float
    cost_usd: float
    value: float


@dataclass(frozen=True, slots=True)
class QualityChoice:
    """`appraisals` has the experts that were allowed, the most valuable first."""

    expert: str
    lambda_per_usd: float
    appraisals: tuple[Appraisal, ...]


def choose(
    model: QualityModel,
    text: str,
    vector_D: Vector,
    *,
    lambda_per_usd: float,
    allowed: Collection[str] | None = None,
) -> QualityChoice:
    """At lambda 0 the best expert whatever it costs; the higher lambda, the cheaper the choice. Of equals the cheaper.

    Raises `ExpertNotAppraised` for an allowed name that the model does not know, `NobodyAllowed`, `LambdaInvalid`.
    """
    if not math.isfinite(lambda_per_usd) or lambda_per_usd < 0:
        raise LambdaInvalid(lambda_per_usd)
    for name in allowed or ():
        if name not in model.experts:
            raise ExpertNotAppraised(name)
    appraisals = [
        Appraisal(name, float(quality), float(cost_usd), float(quality) - lambda_per_usd * float(cost_usd))
        for name, quality, cost_usd in zip(
            model.experts, model.qualities(text, vector_D), model.costs_usd(text), strict=True
        )
        if allowed is None or name in allowed
    ]
    if not appraisals:
        raise NobodyAllowed
    appraisals.sort(key=lambda of: (-of.value, of.cost_usd, of.expert))
    return QualityChoice(appraisals[0].expert, lambda_per_usd, tuple(appraisals))
