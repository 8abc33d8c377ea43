"""A next generation has the new documents, has lost the removed ones, and embeds nothing twice."""

from __future__ import annotations

import numpy as np
import pytest

from doyen_experts.store.building import build, embed
from doyen_experts.store.chunking import embedding_text
from doyen_experts.store.documents import Document
from doyen_experts.store.generation import EncoderMismatch, open_generation


def test_vectors_stay_in_the_order_of_their_chunks(chunks, encoder) -> None:
    seen: list[tuple[int, int]] = []
    many = [*chunks] * 20
    vectors_ND = embed(many, encoder, progress=lambda done, of: seen.append((done, of)))
    assert np.allclose(vectors_ND, encoder.encode([embedding_text(piece) for piece in many], max_tokens=96))
    assert seen[-1] == (len(many), len(many))
    assert len(seen) > 1


def test_documents_are_added_replaced_and_removed(tmp_path, documents, encoder) -> None:
    first = open_generation(build(tmp_path, documents, encoder))
    embedded: list[str] = []

    class Watched(type(encoder)):
        def encode(self, texts, *, max_tokens=None):
            embedded.extend(texts)
            return super().encode(texts, max_tokens=max_tokens)

    changed = Document("mercury", "Mercury", "Mercury is also a planet.", "planets")
    new = Document("iron", "Iron", "Iron rusts.", "elements/iron")
    path = build(tmp_path, [changed, new], Watched(), previous=first, removed=["cwe-78"])
    second = open_generation(path)
    assert {piece.document_id for piece in second.chunks()} == {"relationship", "mercury", "iron"}
    assert "liquid" not in " ".join(piece.text for piece in second.chunks())
    assert second.manifest.parent == first.id
    assert len(embedded) == 2
    assert second.search("rusts", encoder.encode(["rusts"])[0])[0].chunk.document_id == "iron"
    assert first.search("liquid", encoder.encode(["liquid"])[0])[0].chunk.document_id == "mercury"


def test_all_documents_may_go(tmp_path, documents, encoder) -> None:
    first = open_generation(build(tmp_path, documents, encoder))
    gone = [document.id for document in documents]
    empty = open_generation(build(tmp_path, [], encoder, previous=first, removed=gone))
    assert empty.size == 0
    assert open_generation(build(tmp_path, documents, encoder, previous=empty)).size == first.size


def test_another_encoders_generation_is_not_extended(tmp_path, documents, encoder) -> None:
    first = open_generation(build(tmp_path, documents, encoder))

    class Another(type(encoder)):
        identity = "another"

    with pytest.raises(EncoderMismatch):
        build(tmp_path, documents, Another(), previous=first)
