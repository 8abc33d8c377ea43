"""The default threshold, held to real documents and the real encoder: its own questions found, foreign ones not."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from doyen_experts.contract import ExpertRequest, Message
from doyen_experts.kinds.retrieval import RetrievalConfig, RetrievalExpert
from doyen_experts.store.chunking import chunk, embedding_text
from doyen_experts.store.documents import Document
from doyen_experts.store.generation import open_generation, write_generation
from doyen_router.encoder.packaged import packaged_encoder

NAMES = ["relationship", "mapped_column", "joinedload", "selectinload", "aliased", "composite", "deferred", "validates"]


@pytest.fixture(scope="module")
def expert(tmp_path_factory: pytest.TempPathFactory) -> RetrievalExpert:
    orm = pytest.importorskip("sqlalchemy.orm")
    documents = [
        Document(name, name, str(inspect.getdoc(getattr(orm, name)))[:1_500], f"sqlalchemy.orm.{name}")
        for name in NAMES
    ]
    encoder = packaged_encoder()
    root: Path = tmp_path_factory.mktemp("store")
    chunks = [part for document in documents for part in chunk(document)]
    vectors_ND = encoder.encode([embedding_text(part) for part in chunks], max_tokens=96)
    path = write_generation(root, chunks, vectors_ND, encoder_identity=encoder.identity)
    return RetrievalExpert(open_generation(path, encoder_identity=encoder.identity), RetrievalConfig(), encoder)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("How do I declare a relationship between two mapped classes?", "relationship"),
        ("declare a typed mapped column", "mapped_column"),
        ("eager loading with a joined load", "joinedload"),
        ("How do I alias an entity in a query?", "aliased"),
        ("check values with a validator method", "validates"),
    ],
)
def test_its_own_questions_are_found(expert: RetrievalExpert, question: str, name: str) -> None:
    (answer,) = expert.answer([ExpertRequest("1", (Message("user", question),), question)])
    assert not isinstance(answer, Exception)
    assert answer.found
    assert name in [citation.document_id for citation in answer.citations]


@pytest.mark.parametrize(
    "question",
    [
        "What is a good pasta recipe?",
        "Who won the football world cup in 1998?",
        "how do I change the oil in my car",
        "Which chemical element is liquid at room temperature?",
        "my relationship with my boss is bad, what should I do",
    ],
)
def test_foreign_questions_are_not(expert: RetrievalExpert, question: str) -> None:
    (answer,) = expert.answer([ExpertRequest("1", (Message("user", question),), question)])
    assert not isinstance(answer, Exception)
    assert not answer.found, answer.score
