"""The policies as requests see them: in memory, replaced whole when one changes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from doyen_platform.database.transactions import Database
from doyen_platform.policies.models import PolicyRow
from doyen_platform.policies.schemas import Combination, PolicyBody
from doyen_router.errors import NotFound
from doyen_router.gate.decision import Exploration, Policy

DEFAULT_POLICY = "default"


class PolicyNotFound(NotFound):
    code = "model_not_found"  # asked for as a model, `auto:<policy>`

    def __init__(self, name: str) -> None:
        super().__init__(f"no routing policy is called {name!r}")


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    policy: Policy
    combination: Combination


def for_named(policy: Policy) -> Policy:
    """What of it binds a request that names its expert: where data may go. Whom `auto` prefers does not."""
    return Policy(name=policy.name, regions=policy.regions, data_class=policy.data_class)


def routing_policy(name: str, body: PolicyBody) -> RoutingPolicy:
    values = body.model_dump(exclude={"combination", "exploration"})
    for field in ("allow", "deny", "regions"):
        values[field] = None if values[field] is None else tuple(values[field])
    exploration = None if body.exploration is None else Exploration(**body.exploration.model_dump())
    return RoutingPolicy(Policy(name=name, exploration=exploration, **values), body.combination)


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
