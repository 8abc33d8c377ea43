"""Storing, listing and removing routing policies."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from doyen_platform.audit.service import note
from doyen_platform.database.table import utc_now
from doyen_platform.keys.access import Principal
from doyen_platform.policies.live import DEFAULT_POLICY, PolicyNotFound
from doyen_platform.policies.models import PolicyRow
from doyen_platform.policies.schemas import PolicyBody
from doyen_platform.tenants.service import get_tenant
from doyen_router.errors import Forbidden, Invalid

BASELINES = ("fixed", "random", "hash")
# The gate is not asked, or everybody is: nothing that moves its choice can count.
DENSE_IGNORES = ("exploration",)
# Of a larger set, the exact propensity under noise takes too long beside a request: 39 ms at 100 experts and 16 chosen.
MOST_WITH_NOISE = 4
ANY_NUMBER = ("mass", "soft", "conformal")
BASELINE_IGNORES = ("floor", "inside_floor", "exploration", "balance_bound", "fit_tolerance", "stickiness")


class PolicyContradiction(Invalid):
    """Each field is right alone, but not with another one."""

    code = "policy_contradiction"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}", param=field)


def check(body: PolicyBody) -> None:
    """Raises `PolicyContradiction`. A policy that was stored is never checked again: it must go on working."""
    if body.selection == "fixed" and body.fixed is None:
        raise PolicyContradiction("fixed", "name the expert that answers, or take another selection")
    if body.fixed is not None and body.selection != "fixed":
        raise PolicyContradiction("fixed", f"counts only with selection 'fixed', not {body.selection!r}: leave it out")
    allowed = body.allow is None or body.fixed in body.allow
    if body.fixed is not None and (body.fixed in body.deny or not allowed):
        raise PolicyContradiction("fixed", f"{body.fixed!r} is not allowed by 'allow' and 'deny': change one of them")
    if body.regions is not None and not body.regions:
        raise PolicyContradiction("regions", "an empty list allows no expert at all: name regions, or leave it out")
    without = BASELINE_IGNORES if body.selection in BASELINES else DENSE_IGNORES if body.selection == "dense" else ()
    for field in without:
        if getattr(body, field) != PolicyBody.model_fields[field].default:
            raise PolicyContradiction(field, f"has no effect with selection {body.selection!r}: leave it out")
    noise = body.exploration.kind if body.exploration else "epsilon"
    many = body.selection in ANY_NUMBER or (body.selection != "switch" and body.top_k > MOST_WITH_NOISE)
    if many and noise != "epsilon":
        raise PolicyContradiction(
            "exploration",
            f"{noise!r} needs a selection of at most {MOST_WITH_NOISE} experts, or the exact propensity takes too "
            "long: lower 'top_k', take 'top_k', 'switch' or 'hierarchical', or explore by 'epsilon'",
        )


def list_policies(session: Session, caller: Principal) -> list[PolicyRow]:
    return [row for row in session.scalars(select(PolicyRow).order_by(PolicyRow.name)) if caller.sees(row.tenant_id)]


def put_policy(session: Session, caller: Principal, name: str, body: PolicyBody, *, tenant: str | None) -> PolicyRow:
    check(body)
    tenant = caller.tenant or tenant
    if name == DEFAULT_POLICY and tenant is not None:
        raise Invalid("the default policy is for all tenants: only a platform admin may change it", param="name")
    if tenant is not None:
        get_tenant(session, tenant)
    row = session.get(PolicyRow, name)
    if row is None:
        row = PolicyRow(name=name, tenant_id=tenant, body={})
        session.add(row)
    elif not caller.owns(row.tenant_id):
        raise Forbidden(f"the policy name {name!r} is taken by another tenant or the platform")
    row.body, row.tenant_id, row.updated_at = body.model_dump(mode="json"), tenant, utc_now()
    session.flush()
    note(session, caller, "policy.put", name, tenant=tenant, details=row.body)
    return row


def remove_policy(session: Session, caller: Principal, name: str) -> None:
    row = session.get(PolicyRow, name)
    if row is None or not caller.owns(row.tenant_id):
        raise PolicyNotFound(name)
    session.delete(row)
    note(session, caller, "policy.remove", name, tenant=row.tenant_id)
