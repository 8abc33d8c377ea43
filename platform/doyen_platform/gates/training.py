"""Training a gate from all examples, in a process of its own, so that requests keep their memory and their core."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import select

from doyen_platform.audit.service import note
from doyen_platform.database.transactions import Database
from doyen_platform.gates.examples import training_examples
from doyen_platform.gates.keeper import GateKeeper
from doyen_platform.gates.models import GateVersion
from doyen_platform.gates.states import GateState
from doyen_platform.keys.access import Principal
from doyen_router.errors import Conflict, Invalid
from doyen_router.gate.artifact import load_gate
from doyen_router.gate.sketch_file import write_sketches

log = logging.getLogger(__name__)


class TrainingRuns(Conflict):
    code = "training_runs"

    def __init__(self) -> None:
        super().__init__("a gate is being trained already: wait for it")


class TooFewExamples(Invalid):
    code = "too_few_examples"

    def __init__(self, experts: int) -> None:
        super().__init__(f"training needs examples of at least two experts; {experts} have some")


class GateTraining:
    """One training at a time. A run that a stop interrupted is begun again at the next start."""

    def __init__(self, database: Database, keeper: GateKeeper, directory: Path, *, encoder: str | None) -> None:
        self._database = database
        self._keeper = keeper
        self._directory = directory
        self._encoder = encoder
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="gate-training")
        self._child: subprocess.Popen[str] | None = None
        self._closing = threading.Event()

    def start(self, caller: Principal | None, *, promote: bool) -> tuple[uuid.UUID, Future[GateVersion]]:
        """Returns the new version's id at once; its row tells how it goes."""
        with self._database.write() as session:
            if session.scalar(select(GateVersion.id).where(GateVersion.state == GateState.TRAINING)) is not None:
                raise TrainingRuns
            experts = {example.expert for example in training_examples(session)}
            if len(experts) < 2:
                raise TooFewExamples(len(experts))
            row = GateVersion(origin="trained", state=GateState.TRAINING, card={"promote": promote})
            session.add(row)
            session.flush()
            note(session, caller, "gate.train", str(row.id), details={"promote": promote})
        return row.id, self._pool.submit(self._run, row.id, promote)

    def resume(self) -> None:
        """Called once, before any `start`. What a killed server left of its runs, prompts among it, is deleted."""
        for left in self._directory.glob("training-*"):
            shutil.rmtree(left, ignore_errors=True)
        with self._database.read() as session:
            rows = list(session.scalars(select(GateVersion).where(GateVersion.state == GateState.TRAINING)))
        for row in rows:
            self._pool.submit(self._run, row.id, bool(row.card.get("promote")))

    def close(self) -> None:
        self._closing.set()
        if self._child is not None:
            self._child.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, row_id: uuid.UUID, promote: bool) -> GateVersion:
        try:
            version = self._train(row_id)
            if promote:
                return self._keeper.promote(version)
        except Exception as error:
            if self._closing.is_set():
                raise
            log.warning("training a gate failed", exc_info=error)
            with self._database.write() as session:
                row = session.get_one(GateVersion, row_id)
                row.state, row.reason = GateState.FAILED, str(error)
        with self._database.read() as session:
            return session.get_one(GateVersion, row_id)

    def _train(self, row_id: uuid.UUID) -> str:
        self._directory.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="training-", dir=self._directory))
        try:
            with self._database.read() as session:
                examples = training_examples(session)
            with (work / "examples.jsonl").open("w", encoding="utf-8") as file:
                for example in examples:
                    line = asdict(example) | {"context": dict(example.context)}
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
            # Who has documents and no example yet takes no part: it is imprinted into what comes of the training.
            trained = {example.expert for example in examples}
            write_sketches(work / "sketches.safetensors", self._keeper.sketches(trained))
            self._run_child(row_id, work)
            gate = load_gate(work / "gate")
            target = self._directory / gate.version
            if not target.exists():
                (work / "gate").rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        with self._database.write() as session:
            row = session.get_one(GateVersion, row_id)
            row.version, row.parent, row.state, row.reason = gate.version, gate.card.parent, GateState.CANDIDATE, None
            row.card = gate.card.model_dump(mode="json")
        return gate.version

    def _run_child(self, row_id: uuid.UUID, work: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "doyen_workers.gate_training",
            str(work / "examples.jsonl"),
            str(work / "gate"),
            "--sketches",
            str(work / "sketches.safetensors"),
            "--parent",
            str(os.getpid()),
        ]
        if self._encoder is not None:
            command += ["--encoder", self._encoder]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        with (work / "errors.txt").open("w+") as errors:
            self._child = subprocess.Popen(  # noqa: S603 - our own module, no shell
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
            )
            if self._closing.is_set():  # `close` came before there was a child to end
                self._child.terminate()
            assert self._child.stdout is not None
            for line in self._child.stdout:
                self._progress(row_id, line.strip())
            if self._child.wait() != 0:
                errors.seek(0)
                last = errors.read().strip().splitlines()[-1:] or [f"exit code {self._child.returncode}"]
                raise RuntimeError(f"the training process failed: {last[0]}")

    def _progress(self, row_id: uuid.UUID, line: str) -> None:
        with self._database.write() as session:
            session.get_one(GateVersion, row_id).reason = line
