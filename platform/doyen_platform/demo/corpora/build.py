"""Builds all corpora and writes them, one JSON line a document. Without its package, a corpus is left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from doyen_platform.demo.corpora import debian, diagnoses, elements, stdlib, weaknesses
from doyen_platform.demo.corpora.catalogue import LIBRARIES
from doyen_platform.demo.corpora.document import Corpus
from doyen_platform.demo.corpora.libraries import corpus_of
from doyen_platform.demo.corpora.questions import questions

Report = Callable[[str], None]
Maker = Callable[[], Corpus]


def makers() -> dict[str, Maker]:
    """What makes the corpus of each expert, by its name."""
    return {
        "python": stdlib.corpus,
        **{library.name: partial(corpus_of, library) for library in LIBRARIES},
        "security": weaknesses.corpus,
        "medicine": diagnoses.corpus,
        "chemistry": elements.corpus,
    }


def corpora(
    *, from_debian: bool = False, root: Path = Path("/"), report: Report = lambda line: None
) -> Iterator[Corpus]:
    """One after the other, so that the first can be used while the others are made."""
    for name, make in makers().items():
        try:
            corpus = make()
        except ModuleNotFoundError as error:
            report(f"{name}: left out, the package {error.name!r} is not installed; install doyen[demo]")
            continue
        yield corpus
    if from_debian:
        yield from debian.corpora(root=root, report=report)


def write(
    output: Path, *, from_debian: bool = False, root: Path = Path("/"), report: Report = lambda line: None
) -> list[str]:
    """Writes `NAME.jsonl` for each expert as it is made, then `experts.json`. Returns the experts' names."""
    output.mkdir(parents=True, exist_ok=True)
    cards = []
    for corpus in corpora(from_debian=from_debian, root=root, report=report):
        lines = [
            json.dumps({**document.as_json(), "questions": questions(document)}, ensure_ascii=False, sort_keys=True)
            for document in corpus.documents
        ]
        _write_whole(output / f"{corpus.name}.jsonl", "".join(f"{line}\n" for line in lines))
        cards.append(
            {
                "name": corpus.name,
                "title": corpus.title,
                "description": corpus.description,
                "licence": corpus.licence,
                "origin": corpus.origin,
                "documents": len(corpus.documents),
                "chunks": corpus.chunks,
            }
        )
        report(f"{corpus.name}: {len(corpus.documents)} documents, about {corpus.chunks} chunks, from {corpus.origin}")
    # Last: who finds this file finds all that it names.
    _write_whole(output / "experts.json", json.dumps({"experts": cards}, ensure_ascii=False, indent=2) + "\n")
    return [str(card["name"]) for card in cards]


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
