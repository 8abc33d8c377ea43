"""From documents to a generation: cut, embed what is new, keep what is not. Legend: N chunks, D dimensions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

from doyen_experts.contract import TextEncoder, Vector
from doyen_experts.store.chunking import chunk, embedding_text
from doyen_experts.store.documents import Chunk, Document
from doyen_experts.store.generation import EncoderMismatch, Generation, write_generation

EMBEDDED_TOKENS = 96  # a chunk of 250 tokens takes four times as long to embed; lexical search covers the rest
_BATCH = 32

Progress = Callable[[int, int], None]


def embed(chunks: Sequence[Chunk], encoder: TextEncoder, *, progress: Progress = lambda done, of: None) -> Vector:
    """Vectors of the chunks, shape (N, D), in their order. `progress` is told chunks done and chunks in all."""
    texts = [embedding_text(piece) for piece in chunks]
    # Batches of equal lengths: a batch is padded to its longest text, and the model works on the padding too.
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    if not order:
        return np.zeros((0, encoder.encode([""]).shape[1]), np.float32)
    batches = []
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        batches.append(encoder.encode([texts[row] for row in rows], max_tokens=EMBEDDED_TOKENS))
        progress(start + len(rows), len(order))
    vectors_ND = np.concatenate(batches)
    vectors_ND[order] = vectors_ND.copy()
    return vectors_ND


def build(
    root: Path,
    documents: Sequence[Document],
    encoder: TextEncoder,
    *,
    previous: Generation | None = None,
    removed: Collection[str] = (),
    progress: Progress = lambda done, of: None,
) -> Path:
    """Writes the generation that has the previous one's documents, without `removed`, and these; returns its folder.

    A document whose id the previous generation has takes its place: none of its old chunks stay. Raises EncoderMismatch
    when another encoder made the previous generation; build it from all its documents then.
    """
    new = [piece for document in documents for piece in chunk(document)]
    vectors_ND = embed(new, encoder, progress=progress)
    if previous is None:
        return write_generation(root, new, vectors_ND, encoder_identity=encoder.identity)
    made_by = previous.manifest.encoder_identity
    if made_by != encoder.identity:
        raise EncoderMismatch(previous.path, made_by, encoder.identity)
    kept, kept_ND = previous.without({*removed, *(document.id for document in documents)})
    return write_generation(
        root,
        [*kept, *new],
        np.concatenate([kept_ND, vectors_ND]),
        encoder_identity=encoder.identity,
        parent=previous.id,
    )
