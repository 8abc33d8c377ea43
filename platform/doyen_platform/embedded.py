"""The embedded platform: one process, experts in its threads. The only module that draws faiss and the experts in."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor

from doyen_experts.contract import Resources
from doyen_experts.registry import kinds
from doyen_experts.store.generation import write_generation
from doyen_platform.chat.exchange import Desk
from doyen_platform.composition import Platform
from doyen_platform.data_directory import DataDirectory
from doyen_platform.database.table import utc_now
from doyen_platform.database.transactions import Database
from doyen_platform.decisions.context import Contexts
from doyen_platform.decisions.recorder import Recorder
from doyen_platform.decisions.sealing import open_seal
from doyen_platform.experts.activation import Activator
from doyen_platform.experts.live import LiveExperts
from doyen_platform.experts.loads import LiveLoads
from doyen_platform.gates.keeper import GateKeeper
from doyen_platform.gates.training import GateTraining
from doyen_platform.keys.access import KeyRing
from doyen_platform.keys.service import ensure_admin_key
from doyen_platform.metrics import Metrics
from doyen_platform.policies.balance import LiveBalance
from doyen_platform.policies.live import LivePolicies
from doyen_platform.routing.service import Routing
from doyen_platform.sessions.live import LiveSessions
from doyen_platform.settings import Settings
from doyen_platform.stores.indexing import Indexer
from doyen_platform.tenants.live import LiveTenants
from doyen_platform.tenants.service import ensure_default_tenant
from doyen_router.encoder.microbatch import BatchedEncoder
from doyen_router.encoder.sentence_transformer import load_encoder
from doyen_router.errors import Invalid
from doyen_workers.hosting import ExpertHost
from doyen_workers.inprocess import InProcessDispatcher

log = logging.getLogger(__name__)

ACTIVATIONS_AT_ONCE = 16


class SecretMissing(Invalid):
    def __init__(self, reference: str) -> None:
        super().__init__(
            f"the secret {reference!r} is not there: references are 'env:NAME' for a variable that begins with "
            "DOYEN_SECRET_, or 'file:NAME' for a file in DOYEN_SECRETS_DIR",
            param="config",
        )


def open_embedded(settings: Settings) -> Platform:
    """Opens all that was there before, and begins in the background what was not finished. Blocks for a second.

    Raises Conflict when another process has the directory, Unavailable when the database cannot be reached, Invalid for
    settings that cannot be used.
    """
    directory = DataDirectory(settings.data_dir)
    seal = open_seal(settings)
    database = Database(settings.database())
    database.ping()
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load_encoder, settings.encoder, threads=settings.encoder_threads)
        # Imported meanwhile, for a quick start: Alembic takes as long to import as the encoder to load.
        from doyen_platform.database.migrations import is_current, upgrade

        if not is_current(database):
            upgrade(database)
        encoder = loading.result()
    given = settings.admin_key.get_secret_value() if settings.admin_key else None
    with database.write() as session:
        ensure_default_tenant(session)
        first_run_key = ensure_admin_key(session, given)

    batched = BatchedEncoder(encoder)
    host = ExpertHost(
        Resources(encoder, lambda reference: _secret(settings, reference), settings.allow_private_addresses)
    )
    dispatcher = InProcessDispatcher(host, max_waiting=settings.queue_length)
    stores = settings.data_dir / "stores"
    indexer = Indexer(database, encoder, stores, write_generation, large_at_once=settings.indexing_threads)
    gates = settings.data_dir / "gates"
    keeper = GateKeeper(database, encoder, gates, lambda row: indexer.sketch(row.id))
    experts = LiveExperts(database, frozenset(name for name, kind in kinds().items() if kind.uses_store))
    tenants, policies = LiveTenants(database), LivePolicies(database)
    recorder = Recorder(database, settings.data_dir / "journal")
    metrics = Metrics()
    metrics.watch_lanes(dispatcher.lanes)
    loads, sessions, balance = LiveLoads(dispatcher.lanes), LiveSessions(), LiveBalance()
    metrics.watch_balance(balance.figures)
    metrics.undelivered.set_function(recorder.backlog)
    metrics.lost.set_function(lambda: recorder.lost)
    platform = Platform(
        settings=settings,
        database=database,
        encoder=encoder,
        keyring=KeyRing(),
        tenants=tenants,
        policies=policies,
        experts=experts,
        keeper=keeper,
        training=GateTraining(database, keeper, gates, encoder=settings.encoder),
        activator=Activator(database, experts, keeper, host, indexer, threads=ACTIVATIONS_AT_ONCE),
        dispatcher=dispatcher,
        recorder=recorder,
        seal=seal,
        metrics=metrics,
        desk=Desk(
            routing=Routing(batched, keeper, experts, policies, loads, sessions, balance),
            experts=experts,
            tenants=tenants,
            dispatcher=dispatcher,
            recorder=recorder,
            metrics=metrics,
            contexts=Contexts(),
            seal=seal,
            loads=loads,
            sessions=sessions,
            max_prompt_chars=settings.max_prompt_chars,
            timeout_seconds=settings.request_timeout_seconds,
        ),
        first_run_key=first_run_key,
        started_at=utc_now(),
        closes_last=(batched, host, directory),
    )
    platform.refresh_keys()
    tenants.refresh()
    policies.refresh()
    keeper.open()
    platform.activator.open_all()
    platform.training.resume()
    return platform


def _secret(settings: Settings, reference: str) -> str:
    """Only secrets that were meant for experts: an expert's config must not be able to read the database's password."""
    kind, _, name = reference.partition(":")
    if kind == "env" and name.startswith("DOYEN_SECRET_") and name in os.environ:
        return os.environ[name]
    if kind == "file" and name and "/" not in name and not name.startswith((".", "doyen_")):
        path = settings.secrets_dir / name
        if path.is_file():
            return path.read_text().strip()
    raise SecretMissing(reference)
