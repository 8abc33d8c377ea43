"""An expert as the admin API shows it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from doyen_platform.experts.models import ExpertRow
from doyen_platform.experts.schemas import ExpertView
from doyen_platform.experts.service import price_of
from doyen_platform.experts.states import ExpertState
from doyen_platform.gates.examples import count_examples
from doyen_platform.stores.service import count_by_state


def expert_view(session: Session, row: ExpertRow) -> ExpertView:
    current = row.current
    return ExpertView(
        id=row.id,
        name=row.name,
        title=current.title,
        description=current.description,
        kind=current.kind,
        config=current.config,
        tenant=row.tenant_id,
        generalist=row.is_generalist,
        group=current.group_path or "",
        region=current.region,
        data_classes=current.data_classes,
        price=price_of(current),
        state=ExpertState(row.state),
        state_reason=row.state_reason,
        version=row.version,
        store_generation=row.store_generation,
        documents=count_by_state(session, row),
        examples=count_examples(session, row),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
