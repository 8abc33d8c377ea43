"""What requests need to know of tenants, in memory."""

from __future__ import annotations

from sqlalchemy import select

from doyen_platform.database.transactions import Database
from doyen_platform.tenants.models import Tenant
from doyen_platform.tenants.storage import PromptStorage


class LiveTenants:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._prompt_storage: dict[str, PromptStorage] = {}

    def refresh(self) -> None:
        with self._database.read() as session:
            rows = session.execute(select(Tenant.id, Tenant.prompt_storage))
            self._prompt_storage = {tenant: PromptStorage(storage) for tenant, storage in rows}

    def prompt_storage(self, tenant: str) -> PromptStorage:
        """An unknown tenant's prompts are not kept."""
        return self._prompt_storage.get(tenant, PromptStorage.NOTHING)
