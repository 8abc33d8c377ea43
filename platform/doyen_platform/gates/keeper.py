"""The gate that decides now, and every change of it: imprint, drop, promote, roll back. Each makes a new version."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cachetools import LRUCache
from sqlalchemy import select
from sqlalchemy.orm import Session

from doyen_platform.database.table import utc_now
from doyen_platform.database.transactions import Database
from doyen_platform.experts.models import ExpertRow
from doyen_platform.experts.service import find_expert, list_experts
from doyen_platform.gates.models import ExampleRow, GateVersion
from doyen_platform.gates.states import GateState
from doyen_router.encoder.contract import Encoder
from doyen_router.errors import Conflict, DoyenError, NotFound
from doyen_router.gate.artifact import GateArtifactInvalid, GateForAnotherEncoder, load_gate, save_gate
from doyen_router.gate.confusion import Confusion
from doyen_router.gate.gate import Gate
from doyen_router.gate.imprint import add_expert
from doyen_router.gate.members import empty_gate, remove_expert
from doyen_router.gate.sketch import Sketch, passages_each, with_sketch

log = logging.getLogger(__name__)

MOST_EXAMPLES = 200  # for imprinting; training takes all


class GateVersionNotFound(NotFound):
    code = "gate_version_not_found"

    def __init__(self, version: str) -> None:
        super().__init__(f"no gate has the version {version!r}")


class NothingToRollBackTo(Conflict):
    def __init__(self) -> None:
        super().__init__("no earlier gate version is there to roll back to")


class NotPromotable(Conflict):
    def __init__(self, version: str, state: str) -> None:
        super().__init__(f"gate version {version!r} is in state {state!r} and cannot be promoted")


@dataclass(frozen=True, slots=True)
class Material:
    """What an expert's row is imprinted from, read out of the database."""

    row: ExpertRow
    description: str
    examples: tuple[str, ...]
    rivals: frozenset[str]

    def digest(self, sketch: Sketch) -> str:
        """Of the expert's own: rivals come and go, and rows that stand are not scaled anew for that."""
        own = [self.row.id.hex, self.description, self.examples, sketch.texts]
        return hashlib.sha256(json.dumps(own).encode()).hexdigest()


class GateKeeper:
    """`current` may be read from any thread at any time; changes are made one after another."""

    def __init__(
        self,
        database: Database,
        encoder: Encoder,
        directory: Path,
        sketch: Callable[[ExpertRow], Sketch],
    ) -> None:
        self._database = database
        self._encoder = encoder
        self._directory = directory
        self._sketch = sketch  # of an expert's store
        self._current = empty_gate(encoder)
        self._loaded: LRUCache[str, Gate] = LRUCache(8)
        self._imprinted_from: dict[str, str] = {}
        self._lock = threading.RLock()

    @property
    def current(self) -> Gate:
        return self._current

    def open(self) -> None:
        """Loads the active version; when its artifact is damaged, the last good one before it serves."""
        with self._lock:
            with self._database.read() as session:
                query = select(GateVersion).where(GateVersion.state.in_((GateState.ACTIVE, GateState.RETIRED)))
                rows = list(session.scalars(query.order_by(GateVersion.promoted_at.desc())))
            rows.sort(key=lambda row: row.state != GateState.ACTIVE)
            for row in rows:
                try:
                    gate = self.gate(row.version or "")
                except DoyenError as error:
                    log.error("gate version %s cannot serve: %s", row.version, error)
                    if not isinstance(error, GateForAnotherEncoder):  # that one serves again with its encoder
                        self._give_up(row.version or "", str(error))
                    continue
                if row.state == GateState.ACTIVE:
                    self._current = gate
                else:
                    self.promote(gate.version)  # completed: experts that came after it was made must stay known
                return

    def gate(self, version: str) -> Gate:
        """Any version whose artifact is still there. Raises NotFound or Invalid."""
        if version == self._current.version:
            return self._current
        with self._lock:
            if version not in self._loaded:
                path = self._directory / version
                if not version or not path.is_dir():
                    raise GateVersionNotFound(version)
                gate = load_gate(path, encoder_identity=self._encoder.identity)
                if gate.version != version:
                    raise GateArtifactInvalid(path, f"it holds the version {gate.version[:12]}...")
                self._loaded[version] = gate
            return self._loaded[version]

    def imprint(self, name: str) -> list[Confusion]:
        """Gives the expert a row made of its description, examples and store.

        A trained row stays as it is; only the sketch of its store is made anew. So does one that was made of the same:
        a new price must not move anybody's requests.
        """
        with self._lock:
            with self._database.read() as session:
                row = find_expert(session, name)
                if row is None:
                    return []
                material = self._material(session, row)
            if self._is_trained(name):
                self._sketch_again(material.row)
                return []
            sketch = self._sketch(row)
            made_of = material.digest(sketch)
            if name in self._current.experts and self._imprinted_from.get(name) == made_of:
                return []
            gate, confusion = self._imprinted(self._current, material, sketch)
            self._adopt(gate, origin="imprinted")
            self._imprinted_from[name] = made_of
            return confusion

    def drop(self, name: str) -> None:
        with self._lock:
            if name in self._current.experts:
                self._adopt(remove_expert(self._current, name), origin="pruned")

    def promote(self, version: str) -> GateVersion:
        """Makes this version decide, completed for the experts that came or went since it was trained."""
        with self._lock:
            with self._database.read() as session:
                row = session.scalar(
                    select(GateVersion).where(GateVersion.version == version).order_by(GateVersion.id.desc()).limit(1)
                )
            if row is None:
                raise GateVersionNotFound(version)
            if row.state not in (GateState.CANDIDATE, GateState.RETIRED, GateState.ACTIVE):
                raise NotPromotable(version, row.state)
            chosen = self.gate(version)
            complete = self._completed(chosen)
            if complete.version == chosen.version:
                self._activate(chosen)
            else:
                with self._database.write() as session:
                    promoted = session.get_one(GateVersion, row.id)
                    promoted.state, promoted.promoted_at = GateState.RETIRED, utc_now()
                self._adopt(complete, origin="completed")
            return self.active_version()

    def roll_back(self) -> GateVersion:
        """To what decided before the last promoted training. That one is a candidate again, and can be promoted."""
        with self._lock:
            with self._database.read() as session:
                promoted = select(GateVersion).where(GateVersion.promoted_at.is_not(None))
                base = session.scalar(
                    promoted.where(GateVersion.origin == "trained").order_by(GateVersion.promoted_at.desc()).limit(1)
                )
                before = base and session.scalar(
                    promoted.where(GateVersion.promoted_at < base.promoted_at, GateVersion.state == GateState.RETIRED)
                    .order_by(GateVersion.promoted_at.desc())
                    .limit(1)
                )
            if base is None or before is None or before.version is None:
                raise NothingToRollBackTo
            active = self.promote(before.version)
            with self._database.write() as session:
                left = session.get_one(GateVersion, base.id)
                left.state, left.promoted_at = GateState.CANDIDATE, None
            return active

    def active_version(self) -> GateVersion:
        with self._database.read() as session:
            row = session.scalar(select(GateVersion).where(GateVersion.state == GateState.ACTIVE))
        if row is None:
            raise GateVersionNotFound(self._current.version)
        return row

    def _give_up(self, version: str, reason: str) -> None:
        """A damaged version is never tried again, nor rolled back to."""
        with self._database.write() as session:
            for row in session.scalars(select(GateVersion).where(GateVersion.version == version)):
                row.state, row.reason = GateState.FAILED, reason

    def _is_trained(self, name: str) -> bool:
        facts = self._current.card.experts.get(name)
        return facts is not None and facts.origin == "trained"

    def sketches(self, names: Collection[str]) -> dict[str, Sketch]:
        """Of the stores of these experts, for training; those without a passage are left out."""
        with self._database.read() as session:
            rows = [row for row in list_experts(session) if row.name in names]
        return {row.name: sketch for row in rows if len(sketch := self._sketch(row))}

    def _sketch_again(self, row: ExpertRow) -> None:
        gate = self._current
        sketch = self._sketch(row).first(passages_each(len(gate.experts)))
        if sketch.texts != gate.passage_texts(row.name):
            self._adopt(with_sketch(gate, row.name, sketch), origin="sketched")

    def _completed(self, gate: Gate) -> Gate:
        with self._database.read() as session:
            experts = {row.name: row for row in list_experts(session) if not row.is_generalist}
            missing = [self._material(session, row) for name, row in experts.items() if name not in gate.experts]
        for name in gate.experts:
            if name not in experts:
                gate = remove_expert(gate, name)
        for material in missing:
            gate, _ = self._imprinted(gate, material, self._sketch(material.row))
        return gate

    def _material(self, session: Session, row: ExpertRow) -> Material:
        examples = session.scalars(
            select(ExampleRow.text)
            .where(ExampleRow.expert_id == row.id)
            .order_by(ExampleRow.origin.desc(), ExampleRow.sha256)  # the owner's come before the documents'
            .limit(MOST_EXAMPLES)
        )
        # Another tenant's experts never stand beside this one, so they have no say in how it is scaled.
        rivals = {
            other.name
            for other in list_experts(session)
            if row.tenant_id is None or other.tenant_id in (None, row.tenant_id)
        }
        return Material(row, row.current.description, tuple(examples), frozenset(rivals))

    def _imprinted(self, gate: Gate, material: Material, sketch: Sketch) -> tuple[Gate, list[Confusion]]:
        """Encodes texts: no transaction is open meanwhile."""
        name = material.row.name
        if name in gate.experts:
            gate = remove_expert(gate, name)
        return add_expert(
            gate,
            name,
            self._encoder,
            description=material.description,
            examples=material.examples,
            passages=sketch.vectors_PD.astype(np.float32),
            passage_texts=sketch.texts,
            rivals=material.rivals,
        )

    def _adopt(self, gate: Gate, *, origin: str) -> None:
        """Saves a new version and makes it decide."""
        save_gate(gate, self._directory / gate.version)
        with self._database.write() as session:
            session.add(
                GateVersion(
                    version=gate.version,
                    parent=gate.card.parent,
                    origin=origin,
                    state=GateState.CANDIDATE,
                    card=gate.card.model_dump(mode="json"),
                )
            )
        self._activate(gate)

    def _activate(self, gate: Gate) -> None:
        with self._database.write() as session:
            for active in session.scalars(select(GateVersion).where(GateVersion.state == GateState.ACTIVE)):
                active.state = GateState.RETIRED
            session.flush()
            query = select(GateVersion).where(GateVersion.version == gate.version).order_by(GateVersion.id.desc())
            row = session.scalars(query.limit(1)).one()
            row.state, row.promoted_at = GateState.ACTIVE, utc_now()
        self._loaded[gate.version] = gate
        self._current = gate
