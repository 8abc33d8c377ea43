"""One load balancer for each policy that asks for one, and each tenant under it: who may be chosen differs by tenant.

In memory and for this process alone: each replica of the API evens out its own choices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from doyen_router.gate.balance import LoadBalancer, LoadFigures
from doyen_router.gate.decision import NO_CONDITIONS, Choice, Policy, RouteReason, Snapshot
from doyen_router.gate.masks import masks

UPDATE_SECONDS = 5.0
STEPS_TO_BOUND = 50  # full tilt is reached after so many updates
FEWEST_CHOICES = 20  # one update needs as many: fewer say nothing of the load
MOST_BALANCERS = 1_000
NO_BIAS: Mapping[str, float] = MappingProxyType({})


@dataclass(slots=True)
class _Balanced:
    balancer: LoadBalancer
    due: float
    snapshot: Snapshot | None = None
    names: frozenset[str] = frozenset()
    counted: int = 0
    biases: Mapping[str, float] = field(default_factory=dict)
    figures: LoadFigures | None = None


class LiveBalance:
    """Called on the event loop. `clock` tells seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # By the policy itself: a changed one has other experts or another bound, and begins anew.
        self._balanced: dict[tuple[Policy, str], _Balanced] = {}

    def biases(self, policy: Policy, tenant: str, snapshot: Snapshot) -> Mapping[str, float]:
        """For `Load.balance`; empty for a policy without balance."""
        return self._of(policy, tenant, snapshot).biases if policy.balance_bound > 0 else NO_BIAS

    def count(self, policy: Policy, tenant: str, snapshot: Snapshot, choice: Choice) -> None:
        """A choice of the gate. An abstention is nobody's load."""
        if policy.balance_bound <= 0 or choice.reason != RouteReason.GATE:
            return
        balanced = self._of(policy, tenant, snapshot)
        balanced.balancer.count(choice.experts)
        balanced.counted += 1
        now = self._clock()
        if balanced.counted >= FEWEST_CHOICES and now >= balanced.due:
            balanced.figures = balanced.balancer.figures()
            updated = balanced.balancer.update()
            balanced.biases = {name: round(bias, 4) for name, bias in updated.items()}
            balanced.counted, balanced.due = 0, now + UPDATE_SECONDS

    def figures(self) -> dict[str, LoadFigures]:
        """By policy, at its last update; of several tenants, the least even one. From any thread."""
        found: dict[str, LoadFigures] = {}
        for (policy, _), balanced in list(self._balanced.items()):
            mine = balanced.figures
            if mine is None:
                continue
            known = found.get(policy.name)
            if known is None or mine.max_violation > known.max_violation:
                found[policy.name] = mine
        return found

    def _of(self, policy: Policy, tenant: str, snapshot: Snapshot) -> _Balanced:
        found = self._balanced.get((policy, tenant))
        if found is None:
            while len(self._balanced) >= MOST_BALANCERS:
                del self._balanced[next(iter(self._balanced))]
            balancer = LoadBalancer((), rate=policy.balance_bound / STEPS_TO_BOUND, bound=policy.balance_bound)
            found = self._balanced[policy, tenant] = _Balanced(balancer, self._clock() + UPDATE_SECONDS)
        if found.snapshot is not snapshot:
            _follow(found, policy, snapshot)
        return found


def _follow(balanced: _Balanced, policy: Policy, snapshot: Snapshot) -> None:
    """Experts come and go. Who cannot be chosen has no load to even out."""
    masked = masks(snapshot, policy, NO_CONDITIONS)
    able = (candidate.name for candidate in snapshot.candidates if candidate.name not in masked)
    names = frozenset(name for name in able if name != snapshot.generalist)
    for name in sorted(names - balanced.names):
        balanced.balancer.join(name)
    for name in sorted(balanced.names - names):
        balanced.balancer.leave(name)
    balanced.snapshot, balanced.names = snapshot, names
