"""Corpora from Debian's documentation packages, where they lie on the machine or are unpacked below another root."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from doyen_platform.demo.corpora.document import Corpus, CorpusDocument, within_budget
from doyen_platform.demo.corpora.pages import Page, html_page, man_page, plain_page, rest_page
from doyen_platform.demo.corpora.prose import clipped, first_sentence

_Item = TypeVar("_Item")

_CHUNKS = 320
_CHARACTERS = 2500  # of one page: its beginning says what it is about
_PAGES = 2000  # of one package; reading more takes long and cannot fit


@dataclass(frozen=True, slots=True)
class Shelf:
    """One package: `patterns` find its pages below the root, `read` makes one readable."""

    name: str
    title: str
    description: str
    licence: str
    package: str
    patterns: tuple[str, ...]
    read: Callable[[Path], Page]


SHELVES = (
    Shelf(
        "python-docs",
        "Python manual",
        "The Python manual: tutorial, library reference, language reference and how-tos.",
        "PSF-2.0",
        "python3-doc",
        tuple(
            f"usr/share/doc/python3*/html/_sources/{part}/*.rst.txt"
            for part in ("tutorial", "howto", "faq", "reference", "library")
        ),
        rest_page,
    ),
    Shelf(
        "postgresql",
        "PostgreSQL",
        "PostgreSQL databases: SQL commands, queries, indexes, transactions, roles, backup, replication.",
        "PostgreSQL",
        "postgresql-doc-15",
        ("usr/share/doc/postgresql-doc-*/html/*.html",),
        html_page,
    ),
    Shelf(
        "git",
        "Git",
        "Version control with Git: commits, branches, merging, rebasing, remotes, stashing, history, hooks.",
        "GPL-2.0",
        "git-doc",
        ("usr/share/doc/git*/**/git*.txt",),
        plain_page,
    ),
    Shelf(
        "linux",
        "Linux manual pages",
        "Linux system manuals: devices, file formats, system files, signals, capabilities, namespaces, sockets.",
        "GPL-2.0-or-later and others",
        "manpages",
        ("usr/share/man/man[1-8]/*.[1-8]*.gz",),
        man_page,
    ),
    Shelf(
        "apache",
        "Apache HTTP server",
        "The Apache HTTP server: modules, directives, virtual hosts, rewriting, TLS, access control, proxies, logs.",
        "Apache-2.0",
        "apache2-doc",
        ("usr/share/doc/apache2-doc/manual/en/**/*.html",),
        html_page,
    ),
    Shelf(
        "debian-policy",
        "Debian policy",
        "The Debian policy: package fields, maintainer scripts, dependencies, file system layout, licences, releases.",
        "GPL-2.0-or-later",
        "debian-policy",
        ("usr/share/doc/debian-policy/policy.txt.gz",),
        plain_page,
    ),
)


def corpora(*, root: Path = Path("/"), report: Callable[[str], None] = lambda line: None) -> Iterator[Corpus]:
    """One for each package found. Where there is none, `report` hears what can be installed."""
    missing = []
    for shelf in SHELVES:
        documents = tuple(within_budget(_documents(shelf, root), chunks=_CHUNKS))
        if documents:
            yield Corpus(
                shelf.name, shelf.title, shelf.description, shelf.licence, f"Debian package {shelf.package}", documents
            )
        else:
            missing.append(shelf.package)
    if missing:
        report(f"not on this machine, for more experts: apt-get install {' '.join(missing)}")


def _documents(shelf: Shelf, root: Path) -> Iterable[CorpusDocument]:
    found = {path.resolve() for pattern in shelf.patterns for path in root.glob(pattern) if path.is_file()}
    pages: list[list[CorpusDocument]] = []
    for path in _evenly(sorted(found), _PAGES):
        page = shelf.read(path)
        documents = list(_sections(shelf, path, page))
        if documents:
            pages.append(documents)
    chosen = _evenly(pages, _CHUNKS // 2) if len(pages) > 1 else pages
    for documents in chosen:
        yield documents[0]
    for documents in chosen:
        yield from documents[1:]


def _sections(shelf: Shelf, path: Path, page: Page) -> Iterator[CorpusDocument]:
    for number, (heading, body) in enumerate(page.sections):
        text = clipped(body, _CHARACTERS if number == 0 else _CHARACTERS // 2)
        summary = first_sentence(text)
        if len(text) < 200 or not summary or not heading:
            continue
        title = heading if heading == page.title else f"{page.title}: {heading}"
        yield CorpusDocument(
            f"{shelf.name}/{path.stem}#{number}", title, text, f"file://{path}", summary, "page", (heading, page.title)
        )


def _evenly(items: list[_Item], count: int) -> list[_Item]:
    """So many of them, spread over the whole, so that no chapter is missing."""
    if len(items) <= count:
        return items
    return [items[number * len(items) // count] for number in range(count)]
