"""Folders of documents as the gate's commands take them: parsed, cut into chunks, sketched."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from doyen_platform.cli.output import fail
from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.encoder.encoding import Progress
from doyen_router.gate.sketch import MOST_CANDIDATES, Sketch, sketched

READABLE = {".txt", ".md", ".rst", ".html", ".htm", ".pdf"}
# The beginning of a chunk, after its headings, says what it is about; the rest would take most of the time.
PASSAGE_TOKENS = 64
ENCODED_AT_ONCE = 64


def sketches_of(documents: Path, encoder: Encoder, progress: Progress) -> dict[str, Sketch]:
    """One sketch for each folder in `documents`, which is called as its expert is."""
    folders = sorted(path for path in documents.iterdir() if path.is_dir()) if documents.is_dir() else []
    if not folders:
        fail(f"{documents} has no folders: it should hold one for each expert, with its documents and its name")
    return {folder.name: sketch_of(folder, encoder, progress) for folder in folders}


def sketch_of(documents: Path, encoder: Encoder, progress: Progress) -> Sketch:
    """A file or a folder of documents. Files of other types are left out."""
    from doyen_experts.store.chunking import chunk, embedding_text
    from doyen_experts.store.documents import Document
    from doyen_experts.store.parsing import parse

    if not documents.exists():
        fail(f"{documents} does not exist")
    paths = sorted(path for path in documents.rglob("*") if path.is_file() and path.suffix.lower() in READABLE)
    read: list[str] = []
    sources: list[str] = []
    for path in [documents] if documents.is_file() else paths:
        parsed = parse(path.read_bytes(), name=path.name)
        document = Document(id=str(path), title=parsed.title, text=parsed.text, source=str(path))
        for of_document in chunk(document):
            read.append(embedding_text(of_document))
            sources.append(document.id)
    if not read:
        fail(f"{documents} holds no readable document ({', '.join(sorted(READABLE))})")
    step = max(1, -(-len(read) // MOST_CANDIDATES))
    texts, sources = read[::step], sources[::step]
    parts: list[Vector] = []
    for start in range(0, len(texts), ENCODED_AT_ONCE):
        progress(f"reading {documents.name}", start / len(texts))
        parts.append(encoder.encode(texts[start : start + ENCODED_AT_ONCE], max_tokens=PASSAGE_TOKENS))
    progress(f"reading {documents.name}", 1.0)
    return sketched(np.concatenate(parts), texts, documents=sources)
