"""Writing the audit trail, in the same transaction as the change that it tells of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from doyen_platform.audit.models import AuditRow
from doyen_platform.keys.access import Principal


def note(
    session: Session,
    caller: Principal | None,
    action: str,
    subject: str,
    *,
    tenant: str | None = None,
    details: Mapping[str, Any] | None = None,  # Any: JSON of the action's own
) -> None:
    """`caller` None is the platform itself. `details` never hold secrets or prompts."""
    session.add(
        AuditRow(
            key_id=None if caller is None else caller.key_id,
            tenant_id=tenant,
            action=action,
            subject=subject,
            details=dict(details or {}),
        )
    )
