"""How well a quality model routes scored texts that it was not trained on, against what needs no model.

Legend: N texts, E experts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.encoder.encoding import Progress, encoded
from doyen_router.errors import Invalid
from doyen_router.quality.choice import choose
from doyen_router.quality.curves import (
    Point,
    aiq,
    deferral_area,
    frontier,
    quality_neutral_cost,
    swept,
)
from doyen_router.quality.model import QualityModel
from doyen_router.quality.pairs import Pair, apgr, apgr_interval, calls_needed, cheap_and_best
from doyen_router.quality.rows import ScoredText
from doyen_router.quality.targets import costs_of, scores_of

Doubles = npt.NDArray[np.float64]

TIMED = 300
SHOWN_POINTS = 21


class NoRowsToCompare(Invalid):
    def __init__(self, experts: Sequence[str]) -> None:
        super().__init__(
            f"no row has a score and a cost of every expert ({', '.join(experts)}); only such rows can be compared",
            param="rows",
        )


class RouterReport(TypedDict):
    """`curve` is the deferral curve in at most 21 points, (cost_usd, quality). What is not defined is None."""

    aiq: float | None
    deferral_area: float | None
    qnc: float | None
    peak_quality: float
    curve: list[Point]


class PairReport(TypedDict):
    """Over the share of texts sent to `strong`, from 0 to 100 %, the largest predicted gain first. `cpt` are shares."""

    weak: str
    strong: str
    apgr: float
    apgr_low: float
    apgr_high: float
    cpt20: float
    cpt50: float
    cpt80: float


class Milliseconds(TypedDict):
    p50: float
    p99: float


class QualityEvaluation(TypedDict):
    """`skipped` rows lack a score or a cost of some expert. `random` sends a random share to the best single expert and
    the rest to the cheapest; `zero` mixes any single experts at random; `oracle` knows the scores and the costs.
    `r2` is of the differences between experts, which is what routing needs. `decide_ms` is without encoding.
    """

    count: int
    skipped: int
    experts: dict[str, Point]
    best_single: str
    routers: dict[str, RouterReport]
    pair: PairReport | None
    r2: float
    decide_ms: Milliseconds


def evaluate_quality(
    model: QualityModel, encoder: Encoder, rows: Sequence[ScoredText], *, progress: Progress | None = None
) -> QualityEvaluation:
    """Raises `NoRowsToCompare` when no row has all the model's experts."""
    told = progress or (lambda _stage, _share: None)
    complete = complete_rows(rows, model.experts)
    vectors_ND = encoded(encoder, [row.text for row in complete], told, "encoding texts")
    report = measured(model, complete, vectors_ND)
    return {**report, "skipped": len(rows) - len(complete)}


def complete_rows(rows: Sequence[ScoredText], experts: Sequence[str]) -> list[ScoredText]:
    complete = [row for row in rows if all(name in row.scores and name in row.costs_usd for name in experts)]
    if not complete:
        raise NoRowsToCompare(experts)
    return complete


def measured(model: QualityModel, rows: Sequence[ScoredText], vectors_ND: Vector) -> QualityEvaluation:
    """`evaluate_quality` on complete rows, whose vectors are there already."""
    scores_NE, costs_NE = scores_of(rows, model.experts), costs_of(rows, model.experts)
    predicted_NE = model.batch_qualities([row.text for row in rows], vectors_ND).astype(np.float64)
    expected_NE = np.stack([model.costs_usd(row.text) for row in rows])
    singles = [
        Point(float(cost), float(score))
        for cost, score in zip(costs_NE.mean(axis=0), scores_NE.mean(axis=0), strict=True)
    ]
    best = max(singles, key=lambda of: (of.quality, -of.cost_usd))
    cheapest = min(singles, key=lambda of: (of.cost_usd, -of.quality))
    span_usd = (cheapest.cost_usd, max(single.cost_usd for single in singles))
    curves = {
        "model": swept(predicted_NE, expected_NE, scores_NE, costs_NE),
        "random": [cheapest, best],
        "best_single": [best],
        "zero": frontier(singles),
        "oracle": swept(scores_NE, costs_NE, scores_NE, costs_NE),
    }
    return {
        "count": len(rows),
        "skipped": 0,
        "experts": dict(zip(model.experts, singles, strict=True)),
        "best_single": model.experts[singles.index(best)],
        "routers": {name: _router(points, best, span_usd) for name, points in curves.items()},
        "pair": _pair(model, predicted_NE, scores_NE, costs_NE),
        "r2": _r2(predicted_NE, scores_NE),
        "decide_ms": _decide_ms(model, rows[:TIMED], vectors_ND[:TIMED]),
    }


def _router(points: Sequence[Point], best: Point, span_usd: tuple[float, float]) -> RouterReport:
    area, deferred = aiq(points, span_usd[1]), deferral_area(points, *span_usd)
    step = max(1, math.ceil((len(points) - 1) / (SHOWN_POINTS - 1)))
    shown = [*points[:-1:step], points[-1]]
    return {
        "aiq": area if math.isfinite(area) else None,
        "deferral_area": deferred if math.isfinite(deferred) else None,
        "qnc": quality_neutral_cost(points, best),
        "peak_quality": max(point.quality for point in points),
        "curve": shown,
    }


def _pair(model: QualityModel, predicted_NE: Doubles, scores_NE: Doubles, costs_NE: Doubles) -> PairReport | None:
    """The cheapest expert and the best; None when they are one, or equally good."""
    found = cheap_and_best(scores_NE.mean(axis=0), costs_NE.mean(axis=0))
    if found is None:
        return None
    weak, strong = found
    pair = Pair(predicted_NE[:, strong] - predicted_NE[:, weak], scores_NE[:, weak], scores_NE[:, strong])
    if not pair.is_measurable:
        return None
    low, high = apgr_interval(pair)
    return {
        "weak": model.experts[weak],
        "strong": model.experts[strong],
        "apgr": apgr(pair),
        "apgr_low": low,
        "apgr_high": high,
        "cpt20": calls_needed(pair, 0.2),
        "cpt50": calls_needed(pair, 0.5),
        "cpt80": calls_needed(pair, 0.8),
    }


def _r2(predicted_NE: Doubles, scores_NE: Doubles) -> float:
    """Zero for a model that knows each expert's mean on these very texts; negative for a worse one."""
    true_NE = scores_NE - scores_NE.mean(axis=1, keepdims=True)
    guessed_NE = predicted_NE - predicted_NE.mean(axis=1, keepdims=True)
    spread = float(((true_NE - true_NE.mean(axis=0)) ** 2).sum())
    return 1 - float(((true_NE - guessed_NE) ** 2).sum()) / spread if spread > 0 else 0.0


def _decide_ms(model: QualityModel, rows: Sequence[ScoredText], vectors_ND: Vector) -> Milliseconds:
    elapsed: list[float] = []
    for row, vector_D in zip(rows, vectors_ND, strict=True):
        start = time.perf_counter()
        choose(model, row.text, vector_D, lambda_per_usd=1.0)
        elapsed.append((time.perf_counter() - start) * 1000)
    return {"p50": float(np.quantile(elapsed, 0.5)), "p99": float(np.quantile(elapsed, 0.99))}
