"""One immutable generation of a store: written once, proven when it is opened, searched by vector and by words.

It knows no encoder: vectors come in. Legend: N chunks, D dimensions.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from doyen_experts.store import dense, lexical, manifest, texts
from doyen_experts.store.dense import DenseIndex
from doyen_experts.store.documents import Chunk, Passage
from doyen_experts.store.lexical import LexicalIndex
from doyen_experts.store.manifest import GenerationCorrupt, Manifest
from doyen_experts.store.texts import Texts
from doyen_router.errors import Invalid

Vector = npt.NDArray[np.float32]

CENTROID = "centroid.npy"
_RANK_CONSTANT = 60  # Cormack, Clarke, Buettcher 2009, "Reciprocal Rank Fusion"
_POOL = 50  # candidates from each side
_UNFINISHED = ".writing-"
_ABANDONED_SECONDS = 86_400


class EncoderMismatch(Invalid):
    code = "encoder_mismatch"

    def __init__(self, path: Path, found: str, expected: str) -> None:
        super().__init__(
            f"the store generation {path.name} was embedded by encoder {found[:12]} and not by {expected[:12]}; "
            "build it again"
        )


class Generation:
    """Read-only; `search` may be called from several threads at once. Texts stay on disk until a search needs them."""

    def __init__(self, path: Path, facts: Manifest) -> None:
        self.path = path
        self.manifest = facts
        self._texts = Texts(path)
        self._lexical = LexicalIndex(path, size=facts.chunks)
        self._dense = DenseIndex(path)
        if not len(self._texts) == self._dense.size == facts.chunks:
            raise GenerationCorrupt(path, f"its files do not agree on the number of chunks ({facts.chunks})")
        self.centroid_D: Vector = np.load(path / CENTROID, allow_pickle=False)

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def size(self) -> int:
        """Chunks, of `manifest.documents` documents."""
        return self.manifest.chunks

    def chunks(self) -> Iterator[Chunk]:
        """All chunks in the order they were written, which is the order of `vectors`."""
        return iter(self._texts)

    def vectors(self) -> Vector:
        """Shape (N, D), in the order of `chunks`."""
        return self._dense.vectors()

    def without(self, document_ids: Collection[str]) -> tuple[list[Chunk], Vector]:
        """Chunks and vectors of all other documents: what a next generation keeps without embedding it again."""
        gone = set(document_ids)
        chunks = list(self._texts)
        rows = [row for row, chunk in enumerate(chunks) if chunk.document_id not in gone]
        return [chunks[row] for row in rows], self.vectors()[rows]

    def search(self, question: str, vector_D: Vector, *, count: int = 5) -> list[Passage]:
        """The best passages by reciprocal rank fusion of both searches, best first; equal texts are given once."""
        if count < 1 or not self.size:
            return []
        query_D = np.ascontiguousarray(vector_D, dtype=np.float32).reshape(-1)
        if len(query_D) != self._dense.dimensions:
            raise Invalid(
                f"the vector has {len(query_D)} dimensions, the store {self.path.name} {self._dense.dimensions}"
            )
        pool = max(_POOL, 2 * count)
        cosines = dict(self._dense.nearest(query_D, count=pool))
        lexical_N = self._lexical.scores(question)
        fused: dict[int, float] = {}
        for ranking in (list(cosines), _best_rows(lexical_N, pool)):
            for rank, row in enumerate(ranking, start=1):
                fused[row] = fused.get(row, 0.0) + (1 + _RANK_CONSTANT) / (rank + _RANK_CONSTANT) / 2
        passages: list[Passage] = []
        seen: set[str] = set()
        for row in sorted(fused, key=lambda row: (-fused[row], row)):
            chunk = self._texts[row]
            if chunk.text in seen:
                continue
            seen.add(chunk.text)
            cosine = cosines[row] if row in cosines else self._dense.cosine(row, query_D)
            passages.append(Passage(chunk, dense=cosine, lexical=float(lexical_N[row]), score=fused[row]))
            if len(passages) == count:
                break
        return passages


def _best_rows(scores_N: lexical.Scores, count: int) -> list[int]:
    rows = np.flatnonzero(scores_N)
    if len(rows) > count:
        rows = rows[np.argpartition(-scores_N[rows], count)[:count]]
    return [int(row) for row in rows[np.lexsort((rows, -scores_N[rows]))]]


def open_generation(path: Path, *, encoder_identity: str | None = None) -> Generation:
    """Proves every file first. Raises GenerationCorrupt, or EncoderMismatch when another encoder made the vectors."""
    facts = manifest.verified(path)
    if encoder_identity is not None and facts.encoder_identity != encoder_identity:
        raise EncoderMismatch(path, facts.encoder_identity, encoder_identity)
    return Generation(path, facts)


def latest_good(root: Path, *, encoder_identity: str | None = None) -> Generation | None:
    """The newest generation under `root` that opens, or None: damaged ones and another encoder's are passed over."""
    sealed: list[tuple[datetime, Path]] = []
    for path in root.iterdir() if root.is_dir() else ():
        if path.is_dir() and not path.name.startswith("."):
            try:
                sealed.append((manifest.read_manifest(path).created, path))
            except GenerationCorrupt:
                continue
    for _, path in sorted(sealed, reverse=True):
        try:
            return open_generation(path, encoder_identity=encoder_identity)
        except (GenerationCorrupt, EncoderMismatch):
            continue
    return None


def write_generation(
    root: Path,
    chunks: Sequence[Chunk],
    vectors_ND: Vector,
    *,
    encoder_identity: str,
    parent: str | None = None,
) -> Path:
    """Writes a generation under `root` and returns its folder, named by its content.

    It appears under its name whole or not at all. The same content again is the same folder. An empty store is allowed:
    `chunks` empty and `vectors_ND` of shape (0, D). `parent` is the id of the generation that it follows.
    """
    if vectors_ND.ndim != 2 or len(vectors_ND) != len(chunks) or vectors_ND.shape[1] < 1:
        raise Invalid(f"{len(chunks)} chunks need as many vectors; these have the shape {vectors_ND.shape}")
    if not np.isfinite(vectors_ND).all():
        raise Invalid("the vectors of a store must be finite numbers; one is not")
    vectors_ND = np.ascontiguousarray(vectors_ND, dtype=np.float32)
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=root))
    try:
        texts.write_texts(folder, chunks)
        lexical.write_lexical(folder, [f"{chunk.title}\n{chunk.heading}\n{chunk.text}" for chunk in chunks])
        dense.write_dense(folder, vectors_ND)
        np.save(folder / CENTROID, _centroid(vectors_ND))
        files = {path.name: manifest.fact(path) for path in sorted(folder.iterdir())}
        facts = Manifest(
            id=manifest.content_id(files, encoder_identity),
            parent=parent,
            created=datetime.now(UTC),
            encoder_identity=encoder_identity,
            dimensions=vectors_ND.shape[1],
            chunks=len(chunks),
            documents=len({chunk.document_id for chunk in chunks}),
            files=files,
        ).sealed()
        (folder / manifest.FILE).write_bytes(facts.to_bytes())
        folder.chmod(0o755)  # mkdtemp keeps it to one user; a worker may run as another
        return _published(folder, root / facts.id)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _centroid(vectors_ND: Vector) -> Vector:
    if not len(vectors_ND):
        return np.zeros(vectors_ND.shape[1], np.float32)
    mean_D = vectors_ND.mean(axis=0)
    return np.asarray(mean_D / max(float(np.linalg.norm(mean_D)), 1e-12), dtype=np.float32)


def _published(folder: Path, target: Path) -> Path:
    for path in (*folder.iterdir(), folder):
        _fsync(path)
    if target.exists():
        try:
            manifest.verified(target)
        except GenerationCorrupt:
            target.rename(folder.with_name(f"{folder.name}-damaged"))
            shutil.rmtree(folder.with_name(f"{folder.name}-damaged"), ignore_errors=True)
        else:
            return target
    try:
        folder.rename(target)
    except OSError:
        if not target.exists():  # else another process has just written the same content
            raise
    _fsync(target.parent)
    return target


def _sweep(root: Path) -> None:
    """Removes what writers left behind that were killed; a living one is never this old."""
    for path in root.glob(f"{_UNFINISHED}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
