"""The policy and registry snapshot of a decision as JSON with a content address, and back again for replay."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

import orjson

from doyen_router.gate.decision import Candidate, Policy, Snapshot


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
            raw = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
            found = self._known[key] = (hashlib.sha256(raw).hexdigest(), orjson.loads(raw))
        return found


def from_json(body: dict[str, Any]) -> tuple[Policy, Snapshot]:  # Any: JSON
    policy = dict(body["policy"])
    for name in ("allow", "deny"):
        if policy[name] is not None:
            policy[name] = tuple(policy[name])
    candidates = tuple(Candidate(**candidate) for candidate in body["snapshot"]["candidates"])
    return Policy(**policy), Snapshot(candidates, body["snapshot"]["generalist"])
