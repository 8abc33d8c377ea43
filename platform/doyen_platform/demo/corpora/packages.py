"""What is known of an installed distribution: its version, and its long description as documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import metadata, version

from doyen_platform.demo.corpora.document import CorpusDocument
from doyen_platform.demo.corpora.prose import clipped, first_sentence, readable

# Sections about the project, not about what it does.
_BOILERPLATE = re.compile(
    r"licen[cs]e|collective|sponsor|contribut|credit|funding|citation|citing|changelog|opinion|donat|mailing|irc"
    r"|wiki|bug|badge|backer|upstash|tidelift|cloudamqp|blacksmith|source|what's.(?:changed|new)"
    r"|testing|packag|fixes|feature.list|pre-?release|help.and.support|communication|conduct|history"
    r"|enterprise|contact|stars|development",
    re.IGNORECASE,
)


def origin_of(distributions: Iterable[str]) -> str:
    return ", ".join(f"{name} {version(name)}" for name in distributions)


def description_documents(distribution: str, *, characters: int) -> Iterator[CorpusDocument]:
    """One document for each section of the README that came with the package."""
    fields = metadata(distribution)
    text = readable(fields["Description"] or "")
    source = f"https://pypi.org/project/{distribution}/{version(distribution)}/"
    parts = re.split(r"^#{1,3} +(.+)$", text, flags=re.MULTILINE)
    for number, (heading, body) in enumerate(zip(["Overview", *parts[1::2]], parts[0::2], strict=True)):
        heading, body = heading.strip(" #*`"), clipped(body, characters)
        summary = first_sentence(body)
        if len(body) < 200 or not summary or _BOILERPLATE.search(heading):
            continue
        yield CorpusDocument(
            f"{distribution}#readme-{number}",
            f"{distribution}: {heading}",
            body,
            source,
            summary,
            "page",
            (heading,) if number else (distribution,),
        )
