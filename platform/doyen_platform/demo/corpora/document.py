"""The shapes of a demo corpus: documents with a source to cite, and what is known of their origin. No I/O."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

CHUNK_CHARACTERS = 900  # about what a store makes one chunk of

Kind = Literal["object", "module", "page", "weakness", "diagnosis", "element", "property"]


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """`names` are what people call its subject, best first. `topics` are headings, parameters or kinds of it.

    `source` is a URL, or `scheme:place` where there is none. `id` is stable between builds, unique in a corpus.
    """

    id: str
    title: str
    text: str
    source: str
    summary: str
    kind: Kind
    names: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()

    @property
    def chunks(self) -> int:
        """About how many chunks a store makes of it."""
        return max(1, math.ceil(len(self.text) / CHUNK_CHARACTERS))

    def as_json(self) -> dict[str, Any]:  # Any: a JSON object
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Corpus:
    """One expert's documents. `origin` names the packages with their versions; `licence` is that of the texts."""

    name: str
    title: str
    description: str
    licence: str
    origin: str
    documents: tuple[CorpusDocument, ...]

    @property
    def chunks(self) -> int:
        return sum(document.chunks for document in self.documents)


def within_budget(documents: Iterable[CorpusDocument], *, chunks: int) -> Iterator[CorpusDocument]:
    """The first documents that fit, without those that say again what an earlier one said."""
    seen: set[str] = set()
    for document in documents:
        essence = re.sub(r"\W+", "", document.text.split("\n\n", 1)[-1]).lower()[:400]
        if document.id in seen or essence in seen:
            continue
        chunks -= document.chunks
        if chunks < 0:
            return
        seen.update((document.id, essence))
        yield document
