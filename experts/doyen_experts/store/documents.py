"""What a store holds: documents, the chunks cut from them, and the passages that a search returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from doyen_router.errors import Invalid

MetadataValue = str | int | float | bool


class DocumentInvalid(Invalid):
    code = "document_invalid"

    def __init__(self, id: str, field: str, reason: str) -> None:  # noqa: A002 - the document's own word for it
        super().__init__(f"document {id!r}: its {field} {reason}", param=field)


@dataclass(frozen=True, slots=True)
class Document:
    """One text to answer from. `id` is the store's name for it, never used as a path; `source` is what is cited.

    Raises DocumentInvalid for what no later step could carry: no id, NUL characters, unpaired surrogates.
    """

    id: str
    title: str
    text: str
    source: str
    media_type: str = "text/plain"
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.id:
            raise DocumentInvalid(self.id, "id", "is empty")
        for name in ("id", "title", "text", "source"):
            value: str = getattr(self, name)
            if "\0" in value:
                raise DocumentInvalid(self.id, name, "has a NUL character")
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise DocumentInvalid(self.id, name, "has an unpaired surrogate and is no Unicode text") from None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document. `document.text[start:end] == text`; `heading` is the path of headings above it."""

    id: str
    document_id: str
    ordinal: int
    title: str
    source: str
    heading: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that a search found.

    `dense` is the cosine to the question. `lexical` in [0, 1] is the part of the question's possible BM25 score that
    the chunk reaches; words that the store has never seen count as possible. `score` in [0, 1] is the fused rank: 1 is
    first in both searches.
    """

    chunk: Chunk
    dense: float
    lexical: float
    score: float
