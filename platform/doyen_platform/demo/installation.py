"""Installs the demo into a running platform: experts over installed packages' documents, and a gate trained on them.

Every step asks first whether it is done already, so that a second start does nothing, and a start after a kill goes on.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from doyen_platform.audit.models import AuditRow
from doyen_platform.composition import Platform
from doyen_platform.experts.activation import Activated
from doyen_platform.experts.schemas import ExpertCreate
from doyen_platform.experts.service import create_expert, find_expert
from doyen_platform.gates.models import GateVersion
from doyen_platform.gates.states import GateState
from doyen_platform.stores.models import DocumentRow
from doyen_platform.stores.schemas import DocumentIn
from doyen_platform.stores.states import DocumentState

log = logging.getLogger(__name__)

Tell = Callable[[str], None]
BUSY_STATES = (GateState.TRAINING, GateState.CANDIDATE, GateState.ACTIVE, GateState.RETIRED)


class DemoInstallation:
    """Runs in a thread of its own beside the server, which answers meanwhile with what is ready."""

    def __init__(self, platform: Platform, *, tell: Tell) -> None:
        self._platform = platform
        self._tell = tell
        self._stopping = threading.Event()
        self._child: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="demo", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What was begun goes on at the next start."""
        self._stopping.set()
        if self._child is not None:
            self._child.terminate()
        self._thread.join(timeout=10)

    def is_running(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._install()
        except Exception as error:
            if not self._stopping.is_set():
                log.warning("the demo could not be installed", exc_info=error)
                self._tell(f"demo: not installed: {error}")

    def _install(self) -> None:
        started = time.monotonic()
        directory = self._platform.settings.data_dir / "demo"
        if not (directory / "experts.json").is_file():
            self._tell("demo: reading the documents of installed packages")
            with read_packages(directory) as self._child:
                told = follow(self._child, self._tell)
            if told != 0:
                raise RuntimeError("the documents could not be read; the lines above say why")
        payloads = list(experts_in(directory))
        new = [payload for payload in payloads if self._create(payload)]
        trained = self._start_training()
        if not new and trained is None:
            return
        self._activate([payload.name for payload in payloads])
        if trained is not None:
            self._tell_gate(trained)
        if not self._stopping.is_set():
            self._tell(f"demo: ready after {time.monotonic() - started:.0f} s; every expert answers")

    def _create(self, payload: ExpertCreate) -> bool:
        with self._platform.database.write() as session:
            removed = select(func.count()).where(AuditRow.action == "expert.remove", AuditRow.subject == payload.name)
            if find_expert(session, payload.name) is not None or session.scalar(removed):
                return False
            create_expert(session, None, payload)
        return True

    def _start_training(self) -> Future[GateVersion] | None:
        """None when a gate was trained before, or is being trained."""
        with self._platform.database.read() as session:
            query = select(func.count()).where(GateVersion.origin == "trained", GateVersion.state.in_(BUSY_STATES))
            if session.scalar(query):
                return None
        self._tell("demo: training the gate on questions made of headings, names and summaries")
        return self._platform.training.start(None, promote=True)[1]

    def _activate(self, names: list[str]) -> None:
        """One after the other, so that the first experts answer soon."""
        for name in names:
            future = self._platform.activator.submit(name)
            shown = time.monotonic()
            while not self._stopping.is_set():
                try:
                    activated = future.result(timeout=0.5)
                except FutureTimeout:
                    if time.monotonic() - shown >= 5:
                        shown = time.monotonic()
                        self._tell_progress(name)
                    continue
                self._tell_activated(name, activated)
                break
            if self._stopping.is_set():
                return

    def _tell_progress(self, name: str) -> None:
        with self._platform.database.read() as session:
            expert = find_expert(session, name)
            if expert is None:
                return
            query = select(DocumentRow.state, func.count()).where(DocumentRow.expert_id == expert.id)
            states = {state: count for state, count in session.execute(query.group_by(DocumentRow.state))}
        done = sum(count for state, count in states.items() if state != DocumentState.QUEUED)
        self._tell(f"demo: {name}: {done} of {sum(states.values())} documents indexed")

    def _tell_activated(self, name: str, activated: Activated | None) -> None:
        if activated is not None:
            self._tell(f"demo: {name} is {activated.state}")

    def _tell_gate(self, trained: Future[GateVersion]) -> None:
        while not self._stopping.is_set():
            try:
                row = trained.result(timeout=0.5)
            except FutureTimeout:
                continue
            if row.state == GateState.FAILED:
                self._tell(f"demo: the gate could not be trained: {row.reason}")
            else:
                metrics = row.card["metrics"]
                self._tell(f"demo: the gate is trained, held-out accuracy {metrics['accuracy']:.3f}")
            return


def read_packages(directory: Path, *, from_debian: bool = False) -> subprocess.Popen[str]:
    """Writes the corpora in a process of its own: reading docstrings imports what a server should not hold."""
    command = [sys.executable, "-m", "doyen_platform.demo.corpora", str(directory)]
    if from_debian:
        command.append("--from-debian")
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)  # noqa: S603 - ours


def follow(child: subprocess.Popen[str], tell: Tell) -> int:
    """Tells the child's progress until its end; returns its exit code."""
    assert child.stderr is not None
    for line in child.stderr:
        tell(f"demo: {line.rstrip()}")
    return child.wait()


def experts_in(directory: Path) -> Iterator[ExpertCreate]:
    """The corpora in a directory as registrations."""
    for card in json.loads((directory / "experts.json").read_text(encoding="utf-8"))["experts"]:
        with (directory / f"{card['name']}.jsonl").open(encoding="utf-8") as file:
            documents = [_document(json.loads(line)) for line in file]
        yield ExpertCreate(name=card["name"], title=card["title"], description=card["description"], documents=documents)


def _document(row: dict[str, Any]) -> DocumentIn:  # Any: JSON
    return DocumentIn(title=row["title"], text=row["text"], source=row["source"], questions=row["questions"])
