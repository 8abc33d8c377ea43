"""From queued documents to the generation that an expert searches. It does not know how generations are written.

Every step commits on its own, so that a kill in between loses at most one batch of work, and no text.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from sqlalchemy import delete, exists, func, select, update

from doyen_experts.contract import Vector
from doyen_experts.store.chunking import chunk, embedding_text
from doyen_experts.store.documents import Chunk, Document
from doyen_experts.store.questions import questions_from
from doyen_platform.database.table import new_id
from doyen_platform.database.transactions import Database
from doyen_platform.experts.models import ExpertRow
from doyen_platform.gates.examples import ExampleOrigin, NewExample, add_examples
from doyen_platform.gates.models import ExampleRow
from doyen_platform.stores.models import ChunkRow, DocumentRow
from doyen_platform.stores.states import DocumentState
from doyen_router.encoder.contract import Encoder
from doyen_router.errors import DoyenError, Unavailable
from doyen_router.gate.sketch import MOST_CANDIDATES, TEXT_CHARS, Sketch, sketched

log = logging.getLogger(__name__)

BATCH_DOCUMENTS = 16
EMBEDDED_TOKENS = 96  # the lexical index covers the whole chunk; a longer embedding costs more than it finds


class GenerationWriter(Protocol):
    def __call__(self, root: Path, chunks: Sequence[Chunk], vectors_ND: Vector, *, encoder_identity: str) -> Path: ...


class IndexingStopped(Unavailable):
    def __init__(self) -> None:
        super().__init__("the platform is stopping")


class Indexer:
    """Experts with much to index take turns, `large_at_once` at a time; one with little never waits for them."""

    def __init__(
        self, database: Database, encoder: Encoder, directory: Path, write: GenerationWriter, *, large_at_once: int = 1
    ) -> None:
        self._large = threading.BoundedSemaphore(large_at_once)
        self._database = database
        self._encoder = encoder
        self._directory = directory
        self._write = write
        self._stopping = threading.Event()

    def stop(self) -> None:
        """What runs raises IndexingStopped at its next document; it is queued still, and goes on at the next start."""
        self._stopping.set()

    def root(self, expert_id: uuid.UUID) -> Path:
        return self._directory / expert_id.hex

    def index(self, expert_id: uuid.UUID) -> Path:
        """Indexes what is queued and returns the generation of all that the expert has, an empty one if need be.

        A document that cannot be indexed fails alone, with its reason.
        """
        self._requeue_foreign_vectors(expert_id)
        while batch := self._queued(expert_id):
            with self._large if len(batch) == BATCH_DOCUMENTS else contextlib.nullcontext():
                for document in batch:
                    if self._stopping.is_set():
                        raise IndexingStopped
                    self._index_document(expert_id, document)
        chunks, vectors_ND = self._all_chunks(expert_id)
        return self._write(self.root(expert_id), chunks, vectors_ND, encoder_identity=self._encoder.identity)

    def sketch(self, expert_id: uuid.UUID) -> Sketch:
        """The passages that stand best for the expert's store, for the gate to look at. Empty without chunks."""
        ids = select(ChunkRow.id).where(ChunkRow.expert_id == expert_id, ChunkRow.encoder == self._encoder.identity)
        with self._database.read() as session:
            # In the order of documents and chunks, evenly: a large store is not read whole for a few passages of it.
            found = list(session.scalars(ids.order_by(ChunkRow.document_id, ChunkRow.ordinal)))
            sample = found[:: max(1, -(-len(found) // MOST_CANDIDATES))]
            text = func.substr(DocumentRow.text, ChunkRow.start + 1, TEXT_CHARS)
            passages = [
                row
                for start in range(0, len(sample), 500)
                for row in session.execute(
                    select(ChunkRow.vector, ChunkRow.heading, text, DocumentRow.title, ChunkRow.document_id)
                    .join(DocumentRow, DocumentRow.id == ChunkRow.document_id)
                    .where(ChunkRow.id.in_(sample[start : start + 500]))
                    .order_by(ChunkRow.document_id, ChunkRow.ordinal)
                )
            ]
        if not passages:
            return sketched(self._no_vectors(), ())
        return sketched(
            np.stack([np.frombuffer(vector, np.float32) for vector, *_ in passages]),
            [f"{heading or title}: {text}" for _, heading, text, title, _ in passages],
            documents=[document.hex for *_, document in passages],
        )

    def forget(self, expert_id: uuid.UUID, *, keep: Sequence[Path] = ()) -> None:
        """Deletes the generations of an expert, but those to keep."""
        root = self.root(expert_id)
        kept = {path.name for path in keep}
        for path in root.iterdir() if root.is_dir() else ():
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)
        if not kept:
            shutil.rmtree(root, ignore_errors=True)

    def sweep(self, experts: set[uuid.UUID]) -> None:
        """Deletes what a kill left of experts that are gone."""
        known = {expert.hex for expert in experts}
        for path in self._directory.iterdir() if self._directory.is_dir() else ():
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)

    def _requeue_foreign_vectors(self, expert_id: uuid.UUID) -> None:
        """After a change of encoder the old vectors mean nothing: embed those documents again."""
        foreign = exists().where(ChunkRow.document_id == DocumentRow.id, ChunkRow.encoder != self._encoder.identity)
        with self._database.write() as session:
            stale = list(session.scalars(select(DocumentRow.id).where(DocumentRow.expert_id == expert_id, foreign)))
            for document_id in stale:
                session.execute(delete(ChunkRow).where(ChunkRow.document_id == document_id))
                session.execute(
                    update(DocumentRow).where(DocumentRow.id == document_id).values(state=DocumentState.QUEUED)
                )

    def _queued(self, expert_id: uuid.UUID) -> list[DocumentRow]:
        query = (
            select(DocumentRow)
            .where(DocumentRow.expert_id == expert_id, DocumentRow.state == DocumentState.QUEUED)
            .order_by(DocumentRow.id)
            .limit(BATCH_DOCUMENTS)
        )
        with self._database.read() as session:
            return list(session.scalars(query))

    def _index_document(self, expert_id: uuid.UUID, row: DocumentRow) -> None:
        document = Document(str(row.id), row.title, row.text, row.source, row.media_type, row.details)
        chunks, vectors_ND, reason = self._embedded(document)
        with self._database.write() as session:
            stored = session.get(DocumentRow, row.id)
            if stored is None:  # removed meanwhile
                return
            stored.attempts += 1
            stored.reason = reason
            stored.chunk_count = len(chunks)
            stored.state = DocumentState.FAILED if reason else DocumentState.INDEXED
            if reason:
                return
            session.add_all(
                ChunkRow(
                    id=new_id(),
                    document_id=row.id,
                    expert_id=expert_id,
                    ordinal=part.ordinal,
                    chunk_key=part.id,
                    heading=part.heading,
                    start=part.start,
                    end=part.end,
                    encoder=self._encoder.identity,
                    vector=vector_D.astype("<f4").tobytes(),
                )
                for part, vector_D in zip(chunks, vectors_ND, strict=True)
            )
            has_questions = session.scalar(select(exists().where(ExampleRow.document_id == row.id)))
            expert = session.get_one(ExpertRow, expert_id)
            if not has_questions:
                made = [NewExample(question) for _, question in questions_from([document])]
                add_examples(session, expert, made, ExampleOrigin.DOCUMENTS, document_id=row.id)

    def _embedded(self, document: Document) -> tuple[list[Chunk], Vector, str | None]:
        """Chunks and their vectors, or none and the reason why."""
        try:
            chunks = chunk(document)
            vectors_ND = self._encoder.encode([embedding_text(part) for part in chunks], max_tokens=EMBEDDED_TOKENS)
        except DoyenError as error:
            return [], self._no_vectors(), str(error)
        except Exception as error:
            log.warning("document %s could not be indexed", document.id, exc_info=error)
            return [], self._no_vectors(), f"{type(error).__name__} while indexing"
        return chunks, vectors_ND, None if chunks else "no text was left to index"

    def _all_chunks(self, expert_id: uuid.UUID) -> tuple[list[Chunk], Vector]:
        query = (
            select(ChunkRow, DocumentRow)
            .join(DocumentRow, DocumentRow.id == ChunkRow.document_id)
            .where(ChunkRow.expert_id == expert_id)
            .order_by(ChunkRow.document_id, ChunkRow.ordinal)
        )
        chunks: list[Chunk] = []
        vectors: list[Vector] = []
        with self._database.read() as session:
            for part, document in session.execute(query):
                chunks.append(
                    Chunk(
                        id=part.chunk_key,
                        document_id=str(document.id),
                        ordinal=part.ordinal,
                        title=document.title,
                        source=document.source,
                        heading=part.heading,
                        text=document.text[part.start : part.end],
                        start=part.start,
                        end=part.end,
                    )
                )
                vectors.append(np.frombuffer(part.vector, "<f4").astype(np.float32))
        return chunks, np.stack(vectors) if vectors else self._no_vectors()

    def _no_vectors(self) -> Vector:
        return np.zeros((0, self._encoder.dimensions), np.float32)
