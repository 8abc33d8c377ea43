"""`/analytics/summary`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Query, Request

from doyen_platform.analytics.schemas import Summary
from doyen_platform.analytics.service import Window, summarise
from doyen_platform.composition import Platform
from doyen_platform.database.storable import Moment
from doyen_platform.database.table import utc_now
from doyen_platform.keys.access import Analyst
from doyen_platform.tenants.schemas import TenantName
from doyen_platform.tenants.service import TenantNotFound
from doyen_platform.web.reference import problems
from doyen_router.errors import Invalid

router = APIRouter(prefix="/analytics", tags=["analytics"])


@router.get("/summary", operation_id="summarise", responses=problems(404))
def summary(
    request: Request,
    caller: Analyst,
    since: Moment | None = None,
    until: Moment | None = None,
    tenant: Annotated[TenantName | None, Query(description="admins without a tenant may choose")] = None,
) -> Summary:
    """Share, latency, confidence and abstention for each expert; the last 24 hours unless told otherwise."""
    platform: Platform = request.app.state.platform
    until = until or utc_now()
    try:
        since = since or until - dt.timedelta(days=1)
    except OverflowError:
        raise Invalid("'until' is out of range", param="until") from None
    if since >= until:
        raise Invalid("'since' lies after 'until'", param="since")
    if tenant is not None and not caller.sees(tenant):
        raise TenantNotFound(tenant)
    platform.recorder.flush()
    with platform.database.read() as session:
        return summarise(session, Window(since, until, caller.tenant or tenant))
