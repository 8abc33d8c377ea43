"""The experts made from what Doyen installs anyway: their own docstrings and long descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from doyen_platform.demo.corpora.catalogue import Library, Shelf
from doyen_platform.demo.corpora.document import Corpus, CorpusDocument, within_budget
from doyen_platform.demo.corpora.objects import by_mentions, documents_of, find, in_turns, module_documents
from doyen_platform.demo.corpora.packages import description_documents, origin_of


def corpus_of(library: Library) -> Corpus:
    descriptions = chain.from_iterable(description_documents(name, characters=2500) for name in library.distributions)
    modules = chain.from_iterable(module_documents(name, characters=2500) for name in library.modules)
    shelves = chain.from_iterable(shelf_documents(shelf) for shelf in library.shelves)
    documents = chain(within_budget(descriptions, chunks=40), within_budget(modules, chunks=50), shelves)
    return Corpus(
        library.name,
        library.title,
        library.description,
        library.licence,
        origin_of(library.distributions),
        tuple(within_budget(documents, chunks=420)),
    )


def shelf_documents(shelf: Shelf) -> Iterator[CorpusDocument]:
    return within_budget(_ordered(shelf), chunks=shelf.chunks)


def _ordered(shelf: Shelf) -> Iterable[CorpusDocument]:
    """First what everything is about, and only then the long lists of parameters."""
    later: list[CorpusDocument] = []
    found_first = by_mentions(find(shelf.places))
    for count, found in enumerate(in_turns(found_first) if shelf.in_turns else found_first):
        first, parameters = next(made := documents_of(found, characters=shelf.characters), None), list(made)
        if first is None:
            continue
        yield first
        if not shelf.has_parameters:
            continue
        if count < 8:
            yield from parameters
        later += parameters
    yield from later
