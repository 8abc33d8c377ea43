"""The policies as requests see them: in memory, replaced whole when one changes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from doyen_platform.database.transactions import Database
from doyen_platform.policies.models import PolicyRow
from doyen_platform.policies.schemas import Combination, PolicyBody
from doyen_router.errors import NotFound
from doyen_router.gate.decision import Policy

DEFAULT_POLICY = "default"


class PolicyNotFound(NotFound):
    code = "model_not_found"  # asked for as a model, `auto:<policy>`

    def __init__(self, name: str) -> None:
        super().__init__(f"no routing policy is called {name!r}")


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    policy: Policy
    combination: Combination


def routing_policy(name: str, body: PolicyBody) -> RoutingPolicy:
    return RoutingPolicy(
        Policy(
            name=name,
            selection=body.selection,
            top_k=body.top_k,
            mass=body.mass,
            floor=body.floor,
            inside_floor=body.inside_floor,
            on_abstain=body.on_abstain,
            allow=None if body.allow is None else tuple(body.allow),
            deny=tuple(body.deny),
        ),
        body.combination,
    )


class LivePolicies:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._policies: dict[str, tuple[str | None, RoutingPolicy]] = {}

    def refresh(self) -> None:
        with self._database.read() as session:
            rows = session.scalars(select(PolicyRow))
            policies = {
                row.name: (row.tenant_id, routing_policy(row.name, PolicyBody.model_validate(row.body))) for row in rows
            }
        policies.setdefault(DEFAULT_POLICY, (None, routing_policy(DEFAULT_POLICY, PolicyBody())))
        self._policies = policies

    def get(self, name: str | None, tenant: str) -> RoutingPolicy:
        """None is the default. Another tenant's policy is as absent as one that never was."""
        owner, policy = self._policies.get(name or DEFAULT_POLICY, ("", None))
        if policy is None or owner not in (None, tenant):
            raise PolicyNotFound(name or DEFAULT_POLICY)
        return policy
