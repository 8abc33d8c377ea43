"""Questions about weaknesses, diagnoses and elements, as people in those fields type them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from doyen_platform.demo.corpora.document import CorpusDocument
from doyen_platform.demo.corpora.phrases import as_action, pick, sentences


def about_weakness(document: CorpusDocument) -> Iterator[str]:
    name, number = document.names[0], document.names[1]
    summary = document.summary.rstrip(".")
    rest = re.sub(r"^The (?:product|software|device|application|system) ", "", summary)
    subject = pick(document, "subject", "the product", "a program", "my application", "the code", "a web app")
    what = f"{subject} {rest}" if rest != summary else f"{rest[:1].lower()}{rest[1:]}"
    yield pick(
        document,
        "which",
        f"Which weakness is it when {what}?",
        f"What is the weakness where {what}?",
        f"What vulnerability is it if {what}?",
    )
    short = " ".join(rest.split()[:14])
    yield pick(
        document, "happens", f"what happens when {what}", f"security risk: {short}", f"is it dangerous that {what}?"
    )
    yield pick(
        document,
        "prevent",
        f"How do I prevent {name}?",
        f"How can {name.lower()} be mitigated?",
        f"protect against {name.lower()}",
    )
    yield pick(document, "cwe", f"What is {number}?", f"{number} {name}", f"CWE for {name.lower()}")
    yield name.lower()
    for alias in document.names[2:4]:
        yield f"what is {alias}?"
    impacts = [topic.lower() for topic in document.topics if as_action(topic)]
    if impacts:
        yield f"can an attacker {impacts[0]} through {name.lower()}?"
    yield from sentences(document, 1, skip=3)


def about_diagnosis(document: CorpusDocument) -> Iterator[str]:
    name, code = document.names[0], document.names[1]
    plain = re.sub(r"\s*[\[(].*?[\])]", "", name).lower()
    yield pick(
        document,
        "code",
        f"Which diagnosis code is used for {plain}?",
        f"icd code for {plain}",
        f"ICD-10 {plain}",
        f"What is {code}?",
    )
    yield pick(
        document,
        "patient",
        f"patient with {plain}",
        f"what is {plain}",
        f"{plain} symptoms and diagnosis",
        plain,
        f"types of {plain}",
    )
    # Few of each: there are more diagnoses than anything else.
    for term in document.names[2:3]:
        yield pick(document, term, f"code for {term}", f"What is {term}?", f"patient has {term}", term)
    for topic in document.topics[:2]:
        yield pick(
            document,
            topic,
            f"icd code for {topic.lower()}",
            topic.lower(),
            f"How do I code {topic.lower()}?",
            f"diagnosis of {topic.lower()}",
        )


def about_element(document: CorpusDocument) -> Iterator[str]:
    name, symbol, topics = document.names[0].lower(), document.names[1], document.topics
    start = zlib.crc32(document.id.encode())
    for step in range(4):
        topic = topics[(start + step * 5) % len(topics)]
        yield pick(
            document,
            topic,
            f"What is the {topic} of {name}?",
            f"{topic} of {name}",
            f"{name} {topic}",
            f"Tell me the {topic} of {symbol}",
        )
    yield pick(
        document,
        "about",
        f"What is {name} used for?",
        f"Who discovered {name}?",
        f"Is {name} radioactive?",
        f"Where does {name} come from?",
    )
    yield pick(
        document,
        "kind",
        f"What kind of element is {name}?",
        f"Is {name} a metal?",
        f"Which group is {name} in?",
        f"chemical symbol {symbol}",
    )
    yield f"Which element is it? {document.summary}"
    yield name


def about_property(document: CorpusDocument) -> Iterator[str]:
    name = document.names[0]
    yield document.summary
    for topic in document.topics[:3]:
        if document.id.startswith("property"):
            yield f"Which element has the {topic}?"
            yield f"metal with the {topic}"
        else:
            yield f"Does {topic.lower()} belong to {name.lower()}?"
    yield f"elements of {name.lower()}"
    yield f"{name} periodic table"
