"""Training a quality model from scored texts, and adding one expert to it. Deterministic by seed.

Legend: N texts, D dimensions, E experts, S sampled texts, P = D + F.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.encoder.encoding import Progress, encoded
from doyen_router.errors import Conflict, Invalid
from doyen_router.quality.card import ExpertFacts, QualityCard
from doyen_router.quality.form import form
from doyen_router.quality.model import FormScale, Panel, QualityModel, likeness, places
from doyen_router.quality.pairs import Pair, apgr, cheap_and_best
from doyen_router.quality.prices import fitted_prices
from doyen_router.quality.regression import ChosenKernel, chosen_kernel, folded, solved
from doyen_router.quality.rows import ScoredText, data_facts
from doyen_router.quality.targets import Targets, costs_of, scores_of, targets_of

Doubles = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

FEWEST_EXPERTS = 2
# One look at all landmarks stays under a millisecond, and their solution within a gigabyte.
MOST_LANDMARKS = 8192
MOST_ADDED_LANDMARKS = 2048
# The kernel is chosen on so many: more hardly move the choice, and cost with the third power.
MOST_FOR_CHOICE = 2500


class TooFewExperts(Invalid):
    def __init__(self, experts: Sequence[str]) -> None:
        names = ", ".join(map(repr, experts)) or "none"
        super().__init__(
            f"a quality model compares experts, and the rows score {names}; give scores of two or more", param="rows"
        )


class NoRowComparesExperts(Invalid):
    def __init__(self) -> None:
        super().__init__(
            "no row has the scores of two experts, so that a hard text and a weak expert look the same; "
            "let several experts answer some of the texts",
            param="rows",
        )


class ExpertNotCompared(Invalid):
    def __init__(self, experts: Sequence[str]) -> None:
        super().__init__(
            f"no row compares {', '.join(map(repr, experts))} with another expert; leave them out and add them after",
            param="rows",
        )


class CostsMissing(Invalid):
    def __init__(self, experts: Sequence[str]) -> None:
        super().__init__(
            f"no row says what {', '.join(map(repr, experts))} cost; give costs_usd, 0 for what is free", param="rows"
        )


class ExpertAppraisedAlready(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"the quality model has an expert {name!r} already; remove it first")


class NotScored(Invalid):
    def __init__(self, name: str) -> None:
        super().__init__(f"no row has a score of {name!r}", param="rows")


def fit_quality(
    rows: Sequence[ScoredText], encoder: Encoder, *, seed: int = 0, progress: Progress | None = None
) -> QualityModel:
    """Raises `TooFewExperts`, `NoRowComparesExperts`, `ExpertNotCompared`, `CostsMissing`."""
    told = progress or (lambda _stage, _share: None)
    return fitted(
        rows, encoded(encoder, [row.text for row in rows], told, "encoding texts"), encoder.identity, seed, told
    )


def fitted(
    rows: Sequence[ScoredText], vectors_ND: Vector, encoder_identity: str, seed: int, told: Progress
) -> QualityModel:
    """`fit_quality` on vectors that are there already."""
    experts = sorted({name for row in rows for name in row.scores})
    _refuse(rows, experts)
    sample_S = _sampled(rows, MOST_LANDMARKS, seed)
    texts = [rows[index].text for index in sample_S]
    vectors_SD = vectors_ND[sample_S]
    targets = targets_of(scores_of(rows, experts)[sample_S])
    scale = form_scale(texts)
    chosen, metrics = _chosen([rows[index] for index in sample_S], vectors_SD, scale, targets, seed, told)
    told("fitting", 0.0)
    here_SP = places(chosen.kernel, scale, texts, vectors_SD)
    likeness_SS = likeness(chosen.kernel, here_SP, here_SP)
    level = float(targets.common_N.mean())
    columns = np.column_stack([targets.common_N - level, targets.own_NE])
    weights = solved(likeness_SS, chosen.kernel.ridge, columns)
    told("fitting", 1.0)
    card = QualityCard(
        created=datetime.now(UTC),
        encoder_identity=encoder_identity,
        encoder_dimensions=vectors_ND.shape[1],
        seed=seed,
        data={"rows": data_facts(rows)},
        kernel=chosen.kernel,
        panels=(tuple(experts),),
        experts={
            name: _facts(rows, name, "trained", float(targets.means_E[index]) + level)
            for index, name in enumerate(experts)
        },
        metrics=metrics,
    )
    return QualityModel(card, scale, weights[0], (Panel(here_SP, weights[1:]),))


def add_expert(
    model: QualityModel, name: str, rows: Sequence[ScoredText], encoder: Encoder, *, seed: int = 0
) -> QualityModel:
    """The newcomer is fitted alone, on the rows that score it; the others keep their qualities to the last bit.

    It starts from the part that all experts share, so that a few rows do. Raises `ExpertAppraisedAlready`, `NotScored`,
    `CostsMissing`.
    """
    if name in model.experts:
        raise ExpertAppraisedAlready(name)
    own = [row for row in rows if name in row.scores]
    if not own:
        raise NotScored(name)
    if not any(name in row.costs_usd for row in own):
        raise CostsMissing([name])
    picked = np.sort(np.random.default_rng(seed).permutation(len(own))[:MOST_ADDED_LANDMARKS])
    chosen = [own[index] for index in picked]
    texts = [row.text for row in chosen]
    kernel = model.card.kernel
    here_NP = places(kernel, model.scale, texts, encoder.encode(texts))
    shared_N = likeness(kernel, here_NP, model.panels[0].landmarks_LP) @ model.common_L
    residual_N = scores_of(chosen, [name])[:, 0] - shared_N
    level = float(residual_N.mean())
    weights_1N = solved(likeness(kernel, here_NP, here_NP), kernel.ridge, (residual_N - level)[:, None])
    card = model.card.model_copy(
        update={
            "created": datetime.now(UTC),
            "parent": model.version,
            "data": {**model.card.data, f"added {name}": data_facts(own)},
            "panels": (*model.card.panels, (name,)),
            "experts": {**model.card.experts, name: _facts(own, name, "added", level)},
        }
    )
    return QualityModel(card, model.scale, model.common_L, (*model.panels, Panel(here_NP, weights_1N)))


def form_scale(texts: Sequence[str]) -> FormScale:
    """A number that never varies gets the deviation 1, so that it says nothing."""
    forms = np.stack([form(text) for text in texts])
    deviation_F = forms.std(axis=0)
    return FormScale(forms.mean(axis=0), np.where(deviation_F > 1e-6, deviation_F, 1).astype(np.float32))


def _refuse(rows: Sequence[ScoredText], experts: Sequence[str]) -> None:
    if len(experts) < FEWEST_EXPERTS:
        raise TooFewExperts(experts)
    compared = {name for row in rows if len(row.scores) > 1 for name in row.scores}
    if not compared:
        raise NoRowComparesExperts
    if missing := [name for name in experts if name not in compared]:
        raise ExpertNotCompared(missing)
    if unpriced := [name for name in experts if not any(name in row.costs_usd for row in rows)]:
        raise CostsMissing(unpriced)


def _sampled(rows: Sequence[ScoredText], most: int, seed: int) -> Indexes:
    """Indexes in their order. Rows of experts that were rarely scored stay more likely than others."""
    if len(rows) <= most:
        return np.arange(len(rows), dtype=np.intp)
    counts: dict[str, int] = {}
    for row in rows:
        for name in row.scores:
            counts[name] = counts.get(name, 0) + 1
    rarest_N = np.array([min(counts[name] for name in row.scores) for row in rows])
    drawn_N = np.random.default_rng(seed).random(len(rows)) * rarest_N
    return np.sort(np.argsort(drawn_N, kind="stable")[:most]).astype(np.intp)


def _chosen(
    rows: Sequence[ScoredText], vectors_SD: Vector, scale: FormScale, targets: Targets, seed: int, told: Progress
) -> tuple[ChosenKernel, dict[str, float]]:
    index = _sampled(rows, MOST_FOR_CHOICE, seed)
    some = [rows[place] for place in index]
    own_NE = targets.own_NE[index]
    fold_N = folded([row.group if row.group is not None else row.text for row in some], seed)
    chosen = chosen_kernel(
        [row.text for row in some],
        vectors_SD[index],
        scale,
        own_NE,
        fold_N,
        lambda share: told("choosing the kernel", share),
    )
    present_NE = np.isfinite(own_NE)
    spread = float(own_NE[present_NE].var())
    metrics = {"held_out_rows": float(len(some)), "held_out_r2": 1 - chosen.error / spread if spread > 0 else 0.0}
    experts = sorted({name for row in rows for name in row.scores})
    pair = cheap_and_best(np.nanmean(scores_of(rows, experts), axis=0), np.nanmean(costs_of(rows, experts), axis=0))
    if pair is not None:
        weak, strong = pair
        both_N = present_NE[:, [weak, strong]].all(axis=1)
        scores_NE = scores_of(some, experts)[both_N]
        predicted_N = (chosen.predicted_NE[:, strong] - chosen.predicted_NE[:, weak])[both_N]
        known = Pair(predicted_N, scores_NE[:, weak], scores_NE[:, strong])
        if known.is_measurable:
            metrics["held_out_apgr"] = apgr(known)
    return chosen, metrics


def _facts(rows: Sequence[ScoredText], name: str, origin: str, level: float) -> ExpertFacts:
    scores = [row.scores[name] for row in rows if name in row.scores]
    priced = [(len(row.text), row.costs_usd[name]) for row in rows if name in row.costs_usd]
    characters_N, costs_N = np.array(priced, np.float64).T
    return ExpertFacts(
        origin="added" if origin == "added" else "trained",
        rows=len(scores),
        mean_score=float(np.mean(scores)),
        level=level,
        prices=fitted_prices(characters_N, costs_N),
    )
