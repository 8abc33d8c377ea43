"""A generation finds what was written, and notices every changed byte."""

from __future__ import annotations

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from doyen_experts.store import dense
from doyen_experts.store.chunking import chunk
from doyen_experts.store.documents import Chunk, Document
from doyen_experts.store.generation import EncoderMismatch, latest_good, open_generation, write_generation
from doyen_experts.store.manifest import GenerationCorrupt
from doyen_router.errors import Invalid

FILES = ["chunks.jsonl", "offsets.npy", "vocabulary.json", "weights.npy", "rows.npy", "starts.npy", "dense.faiss"]
ALL_FILES = [*FILES, "centroid.npy", "manifest.json"]


def test_every_chunk_comes_back_as_it_was(store: Path, chunks: list[Chunk]) -> None:
    generation = open_generation(store)
    assert list(generation.chunks()) == chunks
    assert generation.size == len(chunks)
    assert generation.manifest.documents == 3
    assert sorted(path.name for path in store.iterdir()) == sorted(ALL_FILES)


@pytest.mark.parametrize(
    ("question", "document_id"),
    [
        ("back populates", "relationship"),
        ("what is back_populates", "relationship"),
        ("relationship()", "relationship"),
        ("CWE-78", "cwe-78"),
        ("liquid metals", "mercury"),
    ],
)
def test_names_are_found_as_people_type_them(store, encoder, question: str, document_id: str) -> None:
    best = open_generation(store).search(question, encoder.encode([question])[0])[0]
    assert best.chunk.document_id == document_id
    assert 0 < best.lexical <= 1
    assert 0 < best.score <= 1


def test_words_the_store_has_never_seen_lower_the_lexical_support(store, encoder) -> None:
    generation = open_generation(store)

    def support(question: str) -> float:
        return generation.search(question, encoder.encode([question])[0])[0].lexical

    assert support("liquid metal") == pytest.approx(1.0)
    assert support("liquid metal pasta recipe cheese") < 0.6


def test_first_in_both_searches_is_first_with_score_one(store, encoder) -> None:
    best, *rest = open_generation(store).search("mercury metal", encoder.encode(["mercury metal"])[0])
    assert best.chunk.document_id == "mercury"
    assert best.score == pytest.approx(1.0)
    assert [passage.score for passage in rest] == sorted((passage.score for passage in rest), reverse=True)


def test_a_chunk_found_by_words_alone_has_its_true_cosine(tmp_path, encoder) -> None:
    pieces = [piece for n in range(120) for piece in chunk(Document(f"d{n}", f"d{n}", f"needle{n} text", "s"))]
    vectors_ND = encoder.encode([f"vector {n}" for n in range(120)])
    path = write_generation(tmp_path, pieces, vectors_ND, encoder_identity="e")
    query_D = -vectors_ND[77]
    best = next(
        passage
        for passage in open_generation(path).search("needle77", query_D, count=60)
        if passage.chunk.text == "needle77 text"
    )
    assert best.dense == pytest.approx(-1.0, abs=1e-5)


@pytest.mark.parametrize("name", ALL_FILES)
def test_any_flipped_byte_is_detected(store: Path, name: str) -> None:
    good = (store / name).read_bytes()
    positions = np.random.default_rng(7).integers(0, len(good), size=25).tolist()
    for position in (0, len(good) - 1, *positions):
        damaged = bytearray(good)
        damaged[position] ^= 0x01
        (store / name).write_bytes(damaged)
        with pytest.raises(GenerationCorrupt, match=r"damaged"):
            open_generation(store)
    (store / name).write_bytes(good)
    open_generation(store)


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_missing_short_or_longer_file_is_detected(store: Path, name: str) -> None:
    content = (store / name).read_bytes()
    for changed in (content[:-1], content + b" ", b""):
        (store / name).write_bytes(changed)
        with pytest.raises(GenerationCorrupt):
            open_generation(store)
    (store / name).unlink()
    with pytest.raises(GenerationCorrupt):
        open_generation(store)


def test_a_manifest_that_was_edited_with_care_is_still_detected(store: Path) -> None:
    manifest = json.loads((store / "manifest.json").read_text())
    manifest["encoder_identity"] = "another"
    (store / "manifest.json").write_bytes(json.dumps(manifest, indent=1, sort_keys=True).encode())
    with pytest.raises(GenerationCorrupt, match="changed after it was written"):
        open_generation(store, encoder_identity="another")


def test_vectors_of_another_encoder_are_refused(store: Path) -> None:
    with pytest.raises(EncoderMismatch, match="build it again"):
        open_generation(store, encoder_identity="another-encoder")


def test_the_newest_generation_that_verifies_is_served(tmp_path, chunks, encoder) -> None:
    root = tmp_path / "stores"
    assert latest_good(root) is None
    vectors_ND = encoder.encode([piece.text for piece in chunks])
    first = write_generation(root, chunks[:1], vectors_ND[:1], encoder_identity=encoder.identity)
    second = write_generation(root, chunks, vectors_ND, encoder_identity=encoder.identity, parent=first.name)
    newest = latest_good(root)
    assert newest is not None
    assert newest.path == second
    assert newest.manifest.parent == first.name
    (second / "dense.faiss").write_bytes(b"garbage")
    (root / "0-not-a-generation").mkdir()
    found = latest_good(root)
    assert found is not None
    assert found.path == first
    assert latest_good(root, encoder_identity="another") is None


def test_the_same_content_is_the_same_folder_and_a_damaged_one_is_replaced(store, chunks, encoder) -> None:
    vectors_ND = open_generation(store).vectors()
    again = write_generation(store.parent, chunks, vectors_ND, encoder_identity=encoder.identity)
    assert again == store
    (store / "rows.npy").write_bytes(b"")
    assert write_generation(store.parent, chunks, vectors_ND, encoder_identity=encoder.identity) == store
    assert open_generation(store).size == len(chunks)
    assert os.listdir(store.parent) == [store.name]  # noqa: PTH208 - hidden leftovers count too


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, chunks, encoder, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dense, "write_dense", full)
    with pytest.raises(OSError, match="No space"):
        write_generation(tmp_path, chunks, encoder.encode(["x"] * len(chunks)), encoder_identity="e")
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_writer_are_swept_but_not_a_living_ones(store, chunks, encoder) -> None:
    root = store.parent
    for name, age_seconds in (("old", 90_000), ("new", 60)):
        (root / f".writing-{name}").mkdir()
        os.utime(root / f".writing-{name}", (time.time() - age_seconds,) * 2)
    write_generation(root, chunks[:1], encoder.encode(["x"]), encoder_identity="e")
    assert [path.name for path in root.glob(".*")] == [".writing-new"]


def test_an_empty_store_opens_and_finds_nothing(tmp_path, encoder) -> None:
    path = write_generation(tmp_path, [], np.zeros((0, 256), np.float32), encoder_identity="e")
    generation = open_generation(path)
    assert generation.size == 0
    assert generation.search("anything", encoder.encode(["anything"])[0]) == []
    assert generation.vectors().shape == (0, 256)
    assert not generation.centroid_D.any()


def test_chunks_without_a_word_are_found_by_vector(tmp_path, encoder) -> None:
    pieces = chunk(Document("marks", "???", "!!! ???", "s"))
    path = write_generation(tmp_path, pieces, encoder.encode(["marks"]), encoder_identity="e")
    (passage,) = open_generation(path).search("marks", encoder.encode(["marks"])[0])
    assert passage.lexical == 0
    assert passage.dense == pytest.approx(1.0, abs=1e-5)


def test_a_large_store_uses_cells_and_still_finds_its_own(tmp_path) -> None:
    rng = np.random.default_rng(3)
    vectors_ND = rng.normal(size=(2_000, 32)).astype(np.float32)
    vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    dense.write_dense(tmp_path, vectors_ND, exact_below=1_000)
    index = dense.DenseIndex(tmp_path)
    hits = sum(index.nearest(vectors_ND[row], count=1)[0][0] == row for row in range(0, 2_000, 20))
    assert hits >= 95
    assert index.cosine(5, vectors_ND[5]) == pytest.approx(1.0, abs=1e-5)
    assert np.allclose(index.vectors(), vectors_ND)


@pytest.mark.parametrize("vectors_ND", [np.zeros((1, 8)), np.zeros(8), np.full((4, 8), np.nan), np.zeros((4, 0))])
def test_vectors_that_do_not_fit_are_refused(tmp_path, chunks, vectors_ND) -> None:
    with pytest.raises(Invalid):
        write_generation(tmp_path, chunks[:4], vectors_ND.astype(np.float32), encoder_identity="e")
    assert list(tmp_path.iterdir()) == []


def test_a_question_of_other_dimensions_is_refused(store: Path) -> None:
    with pytest.raises(Invalid, match="8 dimensions"):
        open_generation(store).search("x", np.zeros(8, np.float32))


def test_without_keeps_the_vectors_of_the_other_documents(store: Path) -> None:
    generation = open_generation(store)
    kept, vectors_ND = generation.without({"mercury"})
    assert {piece.document_id for piece in kept} == {"relationship", "cwe-78"}
    rows = [row for row, piece in enumerate(generation.chunks()) if piece.document_id != "mercury"]
    assert np.array_equal(vectors_ND, generation.vectors()[rows])


def test_equal_texts_of_two_documents_are_given_once(tmp_path, encoder) -> None:
    pieces = [piece for name in "ab" for piece in chunk(Document(name, name, "the same text", "s"))]
    path = write_generation(tmp_path, pieces, encoder.encode(["same"] * 2), encoder_identity="e")
    assert len(open_generation(path).search("same text", encoder.encode(["same"])[0])) == 1


def test_searches_from_many_threads_agree(store, encoder) -> None:
    generation = open_generation(store)
    questions = ["liquid metal", "back_populates", "shell command", "lazy loading"] * 50
    vectors_ND = encoder.encode(questions)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(generation.search, questions, vectors_ND))
    assert found[:4] * 50 == found


def test_a_generation_in_use_survives_the_removal_of_its_folder(store, encoder) -> None:
    generation = open_generation(store)
    shutil.rmtree(store)
    assert generation.search("liquid metal", encoder.encode(["liquid metal"])[0])[0].chunk.document_id == "mercury"
