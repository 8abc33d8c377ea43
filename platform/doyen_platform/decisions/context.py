"""The policy and registry snapshot of a decision as JSON with a content address, and back again for replay."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import Any

import orjson

from doyen_router.gate.decision import Candidate, Exploration, Policy, Snapshot


class Contexts:
    """Content addresses, remembered: the same few contexts serve thousands of decisions."""

    def __init__(self) -> None:
        self._known: dict[tuple[Policy, Snapshot], tuple[str, dict[str, Any]]] = {}

    def of(self, policy: Policy, snapshot: Snapshot) -> tuple[str, dict[str, Any]]:  # Any: JSON
        key = (policy, snapshot)
        found = self._known.get(key)
        if found is None:
            if len(self._known) > 1000:
                self._known.clear()
            body = {"policy": asdict(policy), "snapshot": asdict(snapshot)}
            found = self._known[key] = (address(body), orjson.loads(orjson.dumps(body)))
        return found


def address(body: dict[str, Any]) -> str:  # Any: JSON
    """The content address, in hexadecimal."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def from_json(body: dict[str, Any]) -> tuple[Policy, Snapshot]:  # Any: JSON
    """What is missing, because an older version wrote it, is as it was then: the default."""
    policy = dict(body["policy"])
    for name in ("allow", "deny", "regions"):
        if policy.get(name) is not None:
            policy[name] = tuple(policy[name])
    if policy.get("exploration") is not None:
        policy["exploration"] = Exploration(**policy["exploration"])
    candidates = tuple(_candidate(candidate) for candidate in body["snapshot"]["candidates"])
    return Policy(**policy), Snapshot(candidates, body["snapshot"]["generalist"])


def _candidate(told: dict[str, Any]) -> Candidate:  # Any: JSON
    candidate = Candidate(**told)
    classes = candidate.data_classes
    return candidate if classes is None else replace(candidate, data_classes=tuple(classes))
