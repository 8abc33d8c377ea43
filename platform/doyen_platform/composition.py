"""The parts of a running platform, put together. The only place that knows them all."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

from doyen_platform.chat.exchange import Desk
from doyen_platform.database.transactions import Database
from doyen_platform.decisions.recorder import Recorder
from doyen_platform.decisions.sealing import Seal
from doyen_platform.experts.activation import Activator
from doyen_platform.experts.live import LiveExperts
from doyen_platform.gates.keeper import GateKeeper
from doyen_platform.gates.training import GateTraining
from doyen_platform.keys.access import KeyRing, Principal
from doyen_platform.keys.service import valid_principals
from doyen_platform.metrics import Metrics
from doyen_platform.policies.live import LivePolicies
from doyen_platform.settings import Settings
from doyen_platform.tenants.live import LiveTenants
from doyen_router.encoder.contract import Encoder
from doyen_workers.dispatch import Dispatcher


class Closes(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True)
class Platform:
    """`first_run_key` is the admin key that this start made, to be shown once; None when there was one already."""

    settings: Settings
    database: Database
    encoder: Encoder
    keyring: KeyRing
    tenants: LiveTenants
    policies: LivePolicies
    experts: LiveExperts
    keeper: GateKeeper
    training: GateTraining
    activator: Activator
    dispatcher: Dispatcher
    recorder: Recorder
    seal: Seal
    metrics: Metrics
    desk: Desk
    first_run_key: str | None
    started_at: dt.datetime
    closes_last: tuple[Closes, ...]

    def refresh_keys(self) -> None:
        def read() -> dict[str, Principal]:
            with self.database.read() as session:
                return valid_principals(session)

        self.keyring.refresh(read)

    async def close(self) -> None:
        """Ends what runs, delivers what was recorded, and only then lets the database go."""
        await self.dispatcher.close()
        self.training.close()
        self.activator.close()
        self.recorder.close()
        for part in self.closes_last:
            part.close()
        self.database.close()
