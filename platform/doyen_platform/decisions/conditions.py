"""What held for one request beside registry and policy, as JSON for its decision, and back again for replay.

Only what is not as usual is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from doyen_router.gate.decision import Arm, Conditions, Load

PLAIN = ("previous", "data_class", "hash_key")
WELL = Load()


def to_json(conditions: Conditions) -> dict[str, Any]:  # Any: JSON
    told: dict[str, Any] = {name: value for name in PLAIN if (value := getattr(conditions, name)) is not None}
    if conditions.context:
        told["context"] = dict(conditions.context)
    if conditions.loads:
        told["loads"] = {name: _load_json(load) for name, load in conditions.loads.items()}
    if conditions.arm is not None:
        told["arm"] = {"name": conditions.arm.name, "offsets": dict(conditions.arm.offsets)}
    return told


def from_json(told: Mapping[str, Any] | None) -> Conditions:  # Any: JSON
    """Of a decision that was recorded before there were any, too."""
    told = told or {}
    arm = told.get("arm")
    return Conditions(
        context=told.get("context", {}),
        loads={name: Load(**load) for name, load in told.get("loads", {}).items()},
        arm=None if arm is None else Arm(arm["name"], arm["offsets"]),
        **{name: told.get(name) for name in PLAIN},
    )


def _load_json(load: Load) -> dict[str, float]:
    return {name: value for name in Load.__slots__ if (value := getattr(load, name)) != getattr(WELL, name)}
