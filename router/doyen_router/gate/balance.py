"""Loss-free load balancing (Wang et al. 2024, arXiv 2408.15664): biases that move who is chosen, never a weight.

It counts choices and knows neither requests nor gates. The bias of an expert goes to `Load.balance`; how much of it may
count is the policy's `balance_bound`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self, TypedDict

from doyen_router.errors import Invalid, NotFound


class NotBalanced(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"no expert {name!r} is balanced: let it join first")
        self.name = name


class BalanceMalformed(Invalid):
    def __init__(self, reason: str) -> None:
        super().__init__(f"this is not the state of a load balancer: {reason}", param="balance")


class BalanceState(TypedDict):
    """Plain values, for JSON."""

    rate: float
    bound: float
    biases: dict[str, float]
    counts: dict[str, int]


class LoadFigures(NamedTuple):
    """How evenly work is spread. `max_violation` is the heaviest load over the mean, less one (MaxVio).

    `entropy` is a share of the highest possible: 1 is even, 0 is collapse. `variation` is the standard deviation over
    the mean. `dead` had no work at all.
    """

    total: int
    max_violation: float
    entropy: float
    variation: float
    dead: tuple[str, ...]


def load_figures(counts: Mapping[str, int]) -> LoadFigures:
    """Of counts of choices by expert. No work, or nobody, is even; nobody is dead of it."""
    total, experts = sum(counts.values()), len(counts)
    if not total:
        return LoadFigures(0, 0.0, 1.0, 0.0, ())
    mean = total / experts
    shares = [count / total for count in counts.values() if count]
    entropy = -math.fsum(share * math.log(share) for share in shares)
    return LoadFigures(
        total=total,
        max_violation=max(counts.values()) / mean - 1,
        entropy=entropy / math.log(experts) if experts > 1 else 1.0,
        variation=math.sqrt(math.fsum((count - mean) ** 2 for count in counts.values()) / experts) / mean,
        dead=tuple(name for name, count in counts.items() if not count),
    )


class LoadBalancer:
    """`count` every choice; `update` now and then. Safe to use from several threads.

    `rate` is the step of a bias for each update, `bound` the most that a bias can be, both in natural logarithms of
    probability. The biases sum to zero: all of them together favour nobody.
    """

    def __init__(self, names: Iterable[str], *, rate: float = 0.01, bound: float = 0.5) -> None:
        if not (0 <= rate < math.inf and 0 <= bound < math.inf):
            raise BalanceMalformed(f"rate and bound must be finite and not negative, not {rate} and {bound}")
        self.rate = rate
        self.bound = bound
        self._biases = dict.fromkeys(names, 0.0)
        self._counts = dict.fromkeys(self._biases, 0)
        self._lock = threading.Lock()

    @classmethod
    def restored(cls, state: BalanceState) -> Self:
        """Continues where `state()` was taken. Raises `BalanceMalformed`."""
        biases, counts = state["biases"], state["counts"]
        balancer = cls(biases, rate=state["rate"], bound=state["bound"])
        if biases.keys() != counts.keys():
            raise BalanceMalformed("biases and counts are not of the same experts")
        if not all(abs(bias) <= balancer.bound for bias in biases.values()):
            raise BalanceMalformed(f"a bias is beyond the bound of {balancer.bound}")
        if any(count < 0 for count in counts.values()):
            raise BalanceMalformed("a count is negative")
        balancer._biases.update(biases)
        balancer._counts.update(counts)
        return balancer

    def state(self) -> BalanceState:
        with self._lock:
            return BalanceState(rate=self.rate, bound=self.bound, biases=dict(self._biases), counts=dict(self._counts))

    def count(self, chosen: Iterable[str]) -> None:
        """Of one choice. Experts that have left meanwhile, and a generalist that never joined, are passed over."""
        with self._lock:
            for name in chosen:
                if name in self._counts:
                    self._counts[name] += 1

    def join(self, name: str) -> None:
        """A newcomer starts without a bias; one that is there already keeps its own."""
        with self._lock:
            self._biases.setdefault(name, 0.0)
            self._counts.setdefault(name, 0)

    def leave(self, name: str) -> None:
        """Raises `NotBalanced`. The others' biases are centred again by the next update."""
        with self._lock:
            if name not in self._biases:
                raise NotBalanced(name)
            del self._biases[name], self._counts[name]

    def figures(self) -> LoadFigures:
        """Since the last update."""
        with self._lock:
            return load_figures(self._counts)

    def update(self) -> Mapping[str, float]:
        """The new biases: up by `rate` for those below the mean load, down for those above. Counting starts anew."""
        with self._lock:
            total, experts = sum(self._counts.values()), len(self._counts)
            if experts:
                # Whole numbers, so that an even load is exactly even.
                stepped = [
                    bias + self.rate * _sign(total - experts * count)
                    for bias, count in zip(self._biases.values(), self._counts.values(), strict=True)
                ]
                self._biases = dict(zip(self._biases, _centred(stepped, self.bound), strict=True))
            self._counts = dict.fromkeys(self._counts, 0)
            return dict(self._biases)


def _centred(biases: list[float], bound: float) -> list[float]:
    """Shifted so that they sum to zero when clipped to the bound. The sum falls with the shift: by bisection."""
    low, high = min(biases) - bound, max(biases) + bound
    for _ in range(80):
        shift = (low + high) / 2
        if math.fsum(_clipped(bias - shift, bound) for bias in biases) > 0:
            low = shift
        else:
            high = shift
    return [_clipped(bias - high, bound) for bias in biases]


def _clipped(bias: float, bound: float) -> float:
    return min(max(bias, -bound), bound)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
