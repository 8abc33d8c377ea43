"""Training questions for the gate, made from a document's own title, names, summary and topics."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from doyen_platform.demo.corpora import field_questions
from doyen_platform.demo.corpora.document import CorpusDocument
from doyen_platform.demo.corpora.phrases import as_action, as_noun, pick, sentences, spoken
from doyen_platform.demo.corpora.prose import first_sentence

QUESTIONS_PER_DOCUMENT = 8


def questions(document: CorpusDocument) -> list[str]:
    """Three to eight different texts as people type them: whole questions and bare keywords. The same for each call."""
    maker = _MAKERS[document.kind]
    unique = dict.fromkeys(" ".join(one.split()) for one in maker(document) if one and len(one) > 3)
    return [one if len(one) <= 300 else one[:300].rsplit(" ", 1)[0] for one in list(unique)[:QUESTIONS_PER_DOCUMENT]]


def _about_object(document: CorpusDocument) -> Iterator[str]:
    name, action, topics, library = (
        _telling_name(document),
        as_action(document.summary),
        document.topics,
        _library(document),
    )
    if "#parameters" in document.id:
        for topic in topics[:3]:
            yield pick(
                document,
                topic,
                f"What does the {topic} argument of {name} do?",
                f"{library} {name} {topic}",
                f"when should I set {topic} on {name}?",
            )
        yield f"{library} {name} parameters {' '.join(topics[:3])}"
        for meaning in re.findall(r"^`[^`]+`: (.+)$", document.text, re.MULTILINE)[:4]:
            yield f"How do I {action}?" if (action := as_action(first_sentence(meaning))) else first_sentence(meaning)
        return
    if action:
        yield pick(document, "how", f"How do I {action}?", f"How can I {action}?", f"What is the way to {action}?")
        yield pick(
            document,
            "want",
            f"I want to {action} in {library}",
            f"{library} {action}",
            f"I need to {action} with {name}, how?",
        )
    else:
        noun = as_noun(document.summary)
        yield pick(
            document, "what", f"What is {noun}?", f"Which class of {library} is {noun}?", f"How do I use {noun}?"
        )
        yield f"{library} {noun}"
    yield pick(
        document,
        "name",
        f"What does {name} do?",
        f"How do I use {name} in {library}?",
        f"{library} {name} example",
        f"when do I need {name}?",
    )
    yield pick(document, "path", document.id, f"{document.id} usage", f"{library} {spoken(document.names[-1])}")
    yield f"{name}: {document.summary}"
    if topics:
        topic = topics[zlib.crc32(document.id.encode()) % len(topics)]
        yield pick(
            document,
            "topic",
            f"What does {topic} mean in {name}?",
            f"{library} {name} {topic} parameter",
            f"how to set {topic} for {name}",
        )


def _library(document: CorpusDocument) -> str:
    """As people call it."""
    package = document.id.partition(".")[0]
    return package if document.id.startswith(_NAMED) else f"python {package}" if package != "builtins" else "python"


_NAMED = ("sqlalchemy.", "fastapi.", "starlette.", "pydantic.", "celery.", "kombu.", "numpy.", "sklearn.")


def _telling_name(document: CorpusDocument) -> str:
    """`write` alone could be anybody's: then with its class or module."""
    short = document.names[0]
    if not re.fullmatch(r"[A-Z]?[a-z]+", short):
        return short
    return document.names[-1] if "." in document.names[-1] else ".".join(document.id.partition("#")[0].split(".")[-2:])


def _about_module(document: CorpusDocument) -> Iterator[str]:
    name, topics = document.names[-1], document.topics
    if topics:
        yield f"Which functions are in {name}?"
        yield pick(
            document,
            "list",
            f"python {name} functions",
            f"{name} {topics[0]} {topics[-1]}",
            f"What can {name} do in python?",
        )
        for line in re.findall(r"^- `[^`]+`: (.+)$", document.text, re.MULTILINE)[:5]:
            action = as_action(line)
            yield (
                pick(document, line, f"How do I {action}?", f"how to {action}", f"{action} in python with {name}")
                if action
                else f"{name}: {line}"
            )
        return
    action = as_action(document.summary)
    yield f"How do I {action}?" if action else f"What is {as_noun(document.summary)}?"
    yield f"{name}: {document.summary}"
    yield pick(
        document, "use", f"How do I use the {name} module?", f"What is {name} for in python?", f"{name} tutorial"
    )
    yield from sentences(document, 3)


def _about_page(document: CorpusDocument) -> Iterator[str]:
    """A heading such as "Get started" says nothing without what it stands in; the title has both."""
    subject = document.title.replace(": ", " ")
    yield subject
    yield pick(
        document,
        "how",
        f"How does {subject} work?",
        f"What is {subject}?",
        f"Explain {subject}",
        f"How do I use {subject}?",
    )
    if len(document.names[0]) > 14:
        yield document.names[0]
    action = as_action(document.summary)
    yield f"How do I {action}?" if action else document.summary
    yield from sentences(document, 2)


_MAKERS = {
    "object": _about_object,
    "module": _about_module,
    "page": _about_page,
    "weakness": field_questions.about_weakness,
    "diagnosis": field_questions.about_diagnosis,
    "element": field_questions.about_element,
    "property": field_questions.about_property,
}
