"""What the expert tests share: a small deterministic encoder that needs no weights, and stores made with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from doyen_experts.contract import ExpertRequest, ExpertSpec, Message, Resources, Vector
from doyen_experts.store.chunking import chunk, embedding_text
from doyen_experts.store.documents import Chunk, Document
from doyen_experts.store.generation import write_generation
from doyen_experts.store.words import words
from doyen_router.errors import Invalid

DIMENSIONS = 256


class BagEncoder:
    """Texts that share words are near each other: each word is a fixed random direction."""

    identity = "bag-of-words"

    def encode(self, texts: Sequence[str], *, max_tokens: int | None = None) -> Vector:
        rows = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words(text)[:max_tokens]:
                seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
                row += np.random.default_rng(seed).normal(size=DIMENSIONS).astype(np.float32)
            row /= max(float(np.linalg.norm(row)), 1e-9)
        return rows

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + 2


@pytest.fixture(scope="session")
def encoder() -> BagEncoder:
    return BagEncoder()


@pytest.fixture
def resources(encoder: BagEncoder) -> Resources:
    secrets = {"vendor-key": "sk-very-secret"}

    def secret(reference: str) -> str:
        if reference not in secrets:
            raise Invalid(f"there is no secret {reference!r}")
        return secrets[reference]

    return Resources(encoder, secret, allow_private_addresses=True)


@pytest.fixture
def documents() -> list[Document]:
    return [
        Document(
            "mercury",
            "Mercury",
            "Mercury is a metal that is liquid at room temperature. It is used in thermometers. "
            "Its vapour is poisonous and must not be inhaled.",
            "elements/mercury",
        ),
        Document(
            "relationship",
            "relationship",
            "# relationship\n\nA one-to-many relationship is declared with `relationship()` on the parent class. "
            "The argument back_populates names the attribute on the other side.\n\n"
            "```python\nchildren = relationship('Child', back_populates='parent')\n# the other side\n```\n\n"
            "## Loading\n\nRelated objects are loaded lazily unless selectinload is asked for.",
            "orm/relationship.md",
            media_type="text/markdown",
        ),
        Document(
            "cwe-78",
            "CWE-78: OS Command Injection",
            "The product builds a shell command from user input without neutralizing it.",
            "cwe/78",
        ),
    ]


@pytest.fixture
def chunks(documents: list[Document]) -> list[Chunk]:
    return [piece for document in documents for piece in chunk(document)]


@pytest.fixture
def store(tmp_path: Path, chunks: list[Chunk], encoder: BagEncoder) -> Path:
    vectors_ND = encoder.encode([embedding_text(piece) for piece in chunks])
    return write_generation(tmp_path / "store", chunks, vectors_ND, encoder_identity=encoder.identity)


@pytest.fixture
def spec() -> Callable[..., ExpertSpec]:
    def make(kind: str, config: dict[str, object] | None = None, store_path: Path | None = None) -> ExpertSpec:
        return ExpertSpec("an-expert", kind, 1, "answers", config or {}, store_path)

    return make


@pytest.fixture
def ask() -> Callable[..., ExpertRequest]:
    def make(question: str, **fields: object) -> ExpertRequest:
        return ExpertRequest("request-1", (Message("user", question),), question, **fields)  # type: ignore[arg-type]

    return make
