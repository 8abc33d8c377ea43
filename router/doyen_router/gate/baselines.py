"""Choices without the gate: one fixed expert, random ones, or by hash. For comparison, and when the gate is gone."""

from __future__ import annotations

import math

import numpy as np

from doyen_router.encoder.contract import Vector
from doyen_router.gate.decision import Choice, Chosen, Conditions, Policy, RouteReason
from doyen_router.gate.draws import by_rendezvous, draw

BASELINES = frozenset({"fixed", "random", "hash"})


def baseline(
    names: list[str], features_F: Vector, policy: Policy, seed: int, conditions: Conditions, masked: dict[str, str]
) -> Choice:
    """Of `names`, which are allowed and at least one. `random` and `hash` take `policy.top_k` of them.

    Nobody is likelier than another, so that probabilities and weights are uniform. Exploration and adjustments have
    nothing to work on. By hash, an expert that joins or leaves moves only the keys that it wins or held.
    """
    count = min(max(policy.top_k, 1), len(names))
    propensity = inclusion = 1.0
    match policy.selection:
        case "random":
            order = sorted(names, key=lambda name: draw(seed, name))
            propensity, inclusion = 1 / math.comb(len(names), count), count / len(names)
        case "hash":
            key = (
                np.ascontiguousarray(features_F, dtype="<f4").tobytes()
                if conditions.hash_key is None
                else conditions.hash_key.encode("utf-8", "surrogatepass")
            )
            order = by_rendezvous(key, names)
        case _:
            order = [name for name in names if name == policy.fixed]
            count = 1
    chosen = order[:count]
    return Choice(
        chosen=tuple(Chosen(name, 1 / count, inclusion) for name in chosen),
        probabilities=dict.fromkeys(names, 1 / len(names)),
        masked=masked,
        confidence=1 / len(names),
        inside=1.0,
        inside_floor=0.0,
        abstained=False,
        reason=RouteReason.BASELINE,
        runner_up=order[count] if count < len(order) else None,
        propensity=propensity,
    )
