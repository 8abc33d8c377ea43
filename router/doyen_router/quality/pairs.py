"""Figures of routing between a weak and a strong expert: PGR, APGR and CPT, as RouteLLM defines them (Ong et al. 2024).

Texts go to the strong expert in the order of the predicted gain, from none of them (0 %) to all (100 %). Texts of equal
prediction go together, each with the same chance. Legend: N texts, K points of the curve, B bootstrap samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doyen_router.errors import Invalid

Doubles = npt.NDArray[np.float64]


class NothingToRecover(Invalid):
    def __init__(self, weak: float, strong: float) -> None:
        super().__init__(
            f"the strong expert scores {strong:.4f} on these texts and the weak one {weak:.4f}: no gap to recover"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Predicted gain of the strong expert over the weak one, and the scores that both got, each (N,)."""

    predicted_gain_N: npt.NDArray[np.floating]
    weak_N: Doubles
    strong_N: Doubles

    @property
    def is_measurable(self) -> bool:
        return len(self.weak_N) > 0 and float(self.strong_N.mean()) > float(self.weak_N.mean())


def recovery_curve(pair: Pair) -> tuple[Doubles, Doubles]:
    """Shares of strong calls (K,), rising from 0 to 1, and the performance gap recovered (PGR) at each, (K,).

    PGR = (score - weak) / (strong - weak): 0 at the left end, 1 at the right. Between the points it is linear.
    Raises `NothingToRecover` when the strong expert is not the better one.
    """
    if not pair.is_measurable:
        raise NothingToRecover(float(np.mean(pair.weak_N)), float(np.mean(pair.strong_N)))
    order = np.argsort(-pair.predicted_gain_N, kind="stable")
    recovered_N = np.cumsum((pair.strong_N - pair.weak_N)[order])
    ends = np.append(np.flatnonzero(np.diff(pair.predicted_gain_N[order])), len(order) - 1)
    shares_K = np.concatenate([[0.0], (ends + 1) / len(order)])
    return shares_K, np.concatenate([[0.0], recovered_N[ends] / recovered_N[-1]])


def apgr(pair: Pair) -> float:
    """The area under PGR over the share of strong calls from 0 to 1: the mean PGR. Random routing has 0.5."""
    shares_K, recovered_K = recovery_curve(pair)
    return float(np.trapezoid(recovered_K, shares_K))


def calls_needed(pair: Pair, recovery: float) -> float:
    """CPT: the smallest share of strong calls at which PGR first reaches `recovery`, by interpolation."""
    shares_K, recovered_K = recovery_curve(pair)
    first = int(np.argmax(recovered_K >= recovery))
    if first == 0:
        return 0.0
    low, high = recovered_K[first - 1], recovered_K[first]
    return float(shares_K[first - 1] + (recovery - low) / (high - low) * (shares_K[first] - shares_K[first - 1]))


def apgr_interval(pair: Pair, *, samples: int = 1000, confidence: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap over the texts. A sample in which the gap vanishes has no APGR and is drawn again."""
    rng = np.random.default_rng(seed)
    drawn_B: list[float] = []
    for _ in range(10 * samples):
        index = rng.integers(0, len(pair.weak_N), len(pair.weak_N))
        sample = Pair(pair.predicted_gain_N[index], pair.weak_N[index], pair.strong_N[index])
        if sample.is_measurable:
            drawn_B.append(apgr(sample))
        if len(drawn_B) == samples:
            break
    if not drawn_B:
        raise NothingToRecover(float(np.mean(pair.weak_N)), float(np.mean(pair.strong_N)))
    low, high = np.quantile(drawn_B, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def cheap_and_best(scores_E: Doubles, costs_usd_E: Doubles) -> tuple[int, int] | None:
    """The cheapest expert and the one of the best mean score; None when they are one."""
    weak, strong = int(np.argmin(costs_usd_E)), int(np.argmax(scores_E))
    return None if weak == strong else (weak, strong)
