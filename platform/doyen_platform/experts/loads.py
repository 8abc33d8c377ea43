"""How experts do just now: what a request would wait, and how much of their recent work went well.

In memory and for this process alone: each replica of the API learns it from its own requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from doyen_router.errors import DoyenError, Unavailable
from doyen_router.gate.decision import Load, Policy
from doyen_workers.dispatch import Lane, Overloaded

NEWEST_SHARE = 0.2  # of the newest request in the share of failures
HALF_LIFE_SECONDS = 30.0  # an expert that nobody asks is trusted again
LEAST_ILL = 0.02  # below this share of failures an expert counts as well


@dataclass(slots=True)
class _Failures:
    share: float
    at: float

    def now(self, at: float) -> float:
        return float(self.share * 0.5 ** ((at - self.at) / HALF_LIFE_SECONDS))


class LiveLoads:
    """Read and written on the event loop. `clock` tells seconds."""

    def __init__(self, lanes: Callable[[], Mapping[str, Lane]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lanes = lanes
        self._clock = clock
        self._failures: dict[str, _Failures] = {}

    def note(self, expert: str, failure: Exception | None) -> None:
        """After each execution. What the caller asked wrongly, and a full queue, say nothing of the expert's health."""
        failed = failure is not None and is_illness(failure)
        if failure is not None and not failed:
            return
        at = self._clock()
        before = self._failures.get(expert)
        share = before.now(at) if before else 0.0
        share += NEWEST_SHARE * (failed - share)
        if share < LEAST_ILL:
            self._failures.pop(expert, None)
        else:
            self._failures[expert] = _Failures(share, at)

    def health(self, expert: str) -> float:
        """In [0, 1]; 1 for an expert of which nothing bad is known."""
        failures = self._failures.get(expert)
        share = failures.now(self._clock()) if failures else 0.0
        return 1.0 if share < LEAST_ILL else round(1 - share, 3)

    def of(self, policy: Policy, names: Iterable[str], balance: Mapping[str, float]) -> dict[str, Load]:
        """Of these experts, those that are not as `Load()`. Waiting is looked at only when the policy asks for it.

        `balance` are the biases of the policy's load balancer.
        """
        lanes = self._lanes() if policy.fit_tolerance > 0 else {}
        if not lanes and not balance and not self._failures:
            return {}
        loads = {}
        for name in names:
            lane = lanes.get(name)
            load = Load(
                wait_ms=0.0 if lane is None else round(lane.wait_seconds * 1e3, 1),
                health=self.health(name),
                balance=balance.get(name, 0.0),
            )
            if load != WELL:
                loads[name] = load
        return loads


WELL = Load()


def is_illness(failure: Exception) -> bool:
    """Unavailable, or an error that is none of ours: broken. To refuse a request for what it holds is no illness."""
    if isinstance(failure, Overloaded):
        return False
    return isinstance(failure, Unavailable) or not isinstance(failure, DoyenError)
