"""The registry of experts: who exists, in which version and state. Bringing them to life is in `activation`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from doyen_experts.registry import kind as find_kind
from doyen_experts.registry import validate_config
from doyen_platform.audit.service import note
from doyen_platform.database.table import utc_now
from doyen_platform.experts.models import ExpertRow, ExpertVersion
from doyen_platform.experts.schemas import ExampleIn, ExpertCreate, ExpertPatch, Price
from doyen_platform.experts.states import ExpertState
from doyen_platform.gates.examples import ExampleOrigin, NewExample, add_examples
from doyen_platform.keys.access import Principal
from doyen_platform.stores.service import add_documents
from doyen_platform.tenants.service import get_tenant
from doyen_router.errors import Conflict, Forbidden, Invalid, NotFound

RESERVED = frozenset({"auto", "doyen", "default"})


class ExpertNotFound(NotFound):
    code = "expert_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"no expert is called {name!r}")


class ExpertExists(Conflict):
    code = "expert_exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"an expert is already called {name!r}: choose another name, or change that one with PATCH")


class VersionChanged(Conflict):
    code = "version_changed"

    def __init__(self, name: str, expected: int, current: int) -> None:
        super().__init__(f"expert {name!r} is at version {current}, not {expected}: read it again before changing it")


class SecretsForbidden(Forbidden):
    """A secret belongs to the platform: an expert that may name its own URL could send it anywhere."""

    code = "secrets_forbidden"

    def __init__(self, field: str) -> None:
        super().__init__(f"only a platform admin may let an expert use a secret (config.{field})")


class SharedExpert(Forbidden):
    def __init__(self, name: str) -> None:
        super().__init__(f"expert {name!r} is shared by all tenants: only a platform admin may change it")


def create_expert(session: Session, caller: Principal | None, body: ExpertCreate) -> ExpertRow:
    """The expert with its documents and examples, in state `loading`. All or nothing."""
    if body.name in RESERVED:
        raise Invalid(f"the name {body.name!r} is reserved", param="name")
    tenant = body.tenant
    if caller is not None and caller.tenant is not None:
        if tenant not in (None, caller.tenant):
            raise Invalid(
                f"a key of tenant {caller.tenant!r} registers experts for its own tenant only", param="tenant"
            )
        tenant = caller.tenant
    if tenant is not None:
        get_tenant(session, tenant)
    kind = find_kind(body.kind)
    config = validate_config(body.kind, body.config).model_dump(mode="json")
    _check_secrets(caller, config, before={})
    if body.documents and not kind.uses_store:
        raise Invalid(f"experts of kind {body.kind!r} keep no documents", param="documents")
    if session.scalar(select(ExpertRow.id).where(ExpertRow.name == body.name)) is not None:
        raise ExpertExists(body.name)
    row = ExpertRow(name=body.name, tenant_id=tenant, state=ExpertState.LOADING, is_generalist=body.generalist)
    row.versions.append(
        ExpertVersion(
            version=1,
            kind=body.kind,
            title=body.title or body.name,
            description=body.description,
            config=config,
            group_path=body.group or None,
            region=body.region,
            data_classes=_sorted(body.data_classes),
            price_request_usd=body.price.request_usd,
            price_thousand_tokens_usd=body.price.thousand_tokens_usd,
        )
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:  # two registrations at the same moment
        raise ExpertExists(body.name) from error
    add_own_examples(session, caller, row, body.examples)
    if body.documents:
        add_documents(session, caller, row, body.documents)
    note(session, caller, "expert.create", row.name, tenant=tenant, details={"kind": body.kind})
    return row


def add_own_examples(
    session: Session, caller: Principal | None, expert: ExpertRow, examples: Sequence[ExampleIn]
) -> int:
    """Returns how many were new. A gate serves every tenant: nobody teaches it what another tenant's requests mean."""
    new = []
    for place, example in enumerate(examples):
        context = example.context.named() if example.context else None
        if context and caller is not None and caller.tenant not in (None, context.get("tenant", caller.tenant)):
            raise Invalid(
                f"examples of the tenant {caller.tenant!r} have its own context only",
                param=f"examples/{place}/context/tenant",
            )
        new.append(NewExample(example.text, example.fine_label, context))
    return add_examples(session, expert, new, ExampleOrigin.OWNER)


def find_expert(session: Session, name: str) -> ExpertRow | None:
    query = select(ExpertRow).where(ExpertRow.name == name).options(selectinload(ExpertRow.versions))
    return session.scalar(query)


def get_expert(session: Session, caller: Principal, name: str, *, to_change: bool = False) -> ExpertRow:
    """Another tenant's expert is as absent as one that never was."""
    row = find_expert(session, name)
    if row is None or not caller.sees(row.tenant_id):
        raise ExpertNotFound(name)
    if to_change and not caller.owns(row.tenant_id):
        raise SharedExpert(name)
    return row


def list_experts(session: Session, caller: Principal | None = None) -> list[ExpertRow]:
    query = select(ExpertRow).options(selectinload(ExpertRow.versions)).order_by(ExpertRow.name)
    return [row for row in session.scalars(query) if caller is None or caller.sees(row.tenant_id)]


def change_expert(
    session: Session, caller: Principal, name: str, body: ExpertPatch, *, expected_version: int | None
) -> ExpertRow:
    """Makes the next version. `expected_version` (If-Match) guards against a change made meanwhile."""
    row = get_expert(session, caller, name, to_change=True)
    current = row.current
    if expected_version is not None and expected_version != row.version:
        raise VersionChanged(name, expected_version, row.version)
    config: Mapping[str, Any] = current.config  # Any: the kind's own
    if body.config is not None:
        config = validate_config(current.kind, body.config).model_dump(mode="json")
        _check_secrets(caller, config, before=current.config)
    given = body.model_fields_set
    price = body.price or price_of(current)
    row.versions.append(
        ExpertVersion(
            version=(number := max(version.version for version in row.versions) + 1),
            kind=current.kind,
            title=body.title or current.title,
            description=body.description or current.description,
            config=dict(config),
            group_path=current.group_path if body.group is None else body.group or None,
            region=body.region if "region" in given else current.region,
            data_classes=_sorted(body.data_classes) if "data_classes" in given else current.data_classes,
            price_request_usd=price.request_usd,
            price_thousand_tokens_usd=price.thousand_tokens_usd,
        )
    )
    row.version = number
    if body.generalist is not None:
        row.is_generalist = body.generalist
    if row.state == ExpertState.FAILED:
        row.state, row.state_reason = ExpertState.LOADING, None
    note(session, caller, "expert.change", name, tenant=row.tenant_id, details=body.model_dump(exclude_unset=True))
    return row


def price_of(version: ExpertVersion) -> Price:
    return Price(request_usd=version.price_request_usd, thousand_tokens_usd=version.price_thousand_tokens_usd)


def set_state(
    session: Session, caller: Principal | None, row: ExpertRow, state: ExpertState, reason: str | None
) -> None:
    if (row.state, row.state_reason) == (state, reason):
        return
    note(
        session,
        caller,
        f"expert.{state}",
        row.name,
        tenant=row.tenant_id,
        details={"from": row.state, "reason": reason},
    )
    row.state, row.state_reason, row.updated_at = state, reason, utc_now()


def remove_expert(session: Session, caller: Principal, name: str) -> uuid.UUID:
    row = get_expert(session, caller, name, to_change=True)
    note(session, caller, "expert.remove", name, tenant=row.tenant_id)
    session.delete(row)
    return row.id


def _sorted(classes: Sequence[str] | None) -> list[str] | None:
    """The same classes in another order are the same registry snapshot."""
    return None if classes is None else sorted(set(classes))


def _check_secrets(caller: Principal | None, config: Mapping[str, Any], *, before: Mapping[str, Any]) -> None:
    """Fields whose names end in `_ref` refer to secrets; a tenant's admin may keep what was there, but not set it.

    Nor may he move the expert that has one to another URL.
    """
    if caller is None or caller.tenant is None:
        return
    for field, value in config.items():
        if field.endswith("_ref") and value is not None and dict(config) != dict(before):
            raise SecretsForbidden(field)
