"""The experts as requests see them: in memory, replaced whole when the registry changes."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass

from doyen_platform.database.transactions import Database
from doyen_platform.experts.models import ExpertRow
from doyen_platform.experts.schemas import Price
from doyen_platform.experts.service import list_experts, price_of
from doyen_platform.experts.states import ExpertState
from doyen_platform.experts.tokens import ExpectedTokens
from doyen_router.gate.decision import Candidate, Snapshot


@dataclass(frozen=True, slots=True)
class LiveExpert:
    name: str
    tenant: str | None
    state: ExpertState
    kind: str
    title: str
    description: str
    is_generalist: bool
    uses_vector: bool  # answers from a store, so that an embedding of the question helps it
    created_at: dt.datetime
    group: str
    region: str | None
    data_classes: tuple[str, ...] | None
    price: Price

    def is_visible_to(self, tenant: str) -> bool:
        return self.tenant is None or self.tenant == tenant


class LiveExperts:
    """Read on every request, from the event loop; refreshed by whoever changed the registry, from any thread."""

    def __init__(self, database: Database, store_kinds: frozenset[str]) -> None:
        self._database = database
        self._store_kinds = store_kinds
        # Replaced as one: a snapshot of the experts before must not be kept for those after.
        self._live: tuple[dict[str, LiveExpert], dict[str, Snapshot]] = ({}, {})
        self._tokens = ExpectedTokens()
        self._lock = threading.Lock()

    def refresh(self) -> None:
        with self._lock:
            with self._database.read() as session:
                experts = {row.name: self._live_expert(row) for row in list_experts(session)}
            self._live = (experts, {})

    def find(self, name: str, tenant: str) -> LiveExpert | None:
        expert = self._live[0].get(name)
        return expert if expert is not None and expert.is_visible_to(tenant) else None

    def answered(self, name: str, tokens: int) -> None:
        """What an answer took goes into what the next is expected to cost. From the event loop."""
        expert = self._live[0].get(name)
        if expert is not None and expert.price.thousand_tokens_usd and self._tokens.note(name, tokens):
            self._live[1].clear()

    def states(self) -> list[str]:
        return [expert.state.value for expert in self._live[0].values()]

    def visible(self, tenant: str) -> list[LiveExpert]:
        return [expert for expert in self._live[0].values() if expert.is_visible_to(tenant)]

    def snapshot(self, tenant: str) -> Snapshot:
        """What the gate may choose from for this tenant. One that is not active is masked; its state is the reason."""
        experts, snapshots = self._live
        found = snapshots.get(tenant)
        if found is not None:
            return found
        visible = [expert for expert in experts.values() if expert.is_visible_to(tenant)]
        snapshot = Snapshot(
            candidates=tuple(
                Candidate(
                    expert.name,
                    None if expert.state == ExpertState.ACTIVE else expert.state.value,
                    group=expert.group,
                    region=expert.region,
                    data_classes=expert.data_classes,
                    cost_usd=expert.price.of(self._tokens.expected(expert.name)),
                )
                for expert in visible
            ),
            generalist=next((e.name for e in visible if e.is_generalist and e.state == ExpertState.ACTIVE), None),
        )
        snapshots[tenant] = snapshot
        return snapshot

    def _live_expert(self, row: ExpertRow) -> LiveExpert:
        current = row.current
        return LiveExpert(
            name=row.name,
            tenant=row.tenant_id,
            state=ExpertState(row.state),
            kind=current.kind,
            title=current.title,
            description=current.description,
            is_generalist=row.is_generalist,
            uses_vector=current.kind in self._store_kinds,
            created_at=row.created_at,
            group=current.group_path or "",
            region=current.region,
            data_classes=None if current.data_classes is None else tuple(current.data_classes),
            price=price_of(current),
        )
