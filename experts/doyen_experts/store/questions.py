"""Questions that a document answers, made of its own title, headings, names and first sentences.

A gate is trained with them where nobody has asked anything yet. No answer is listed by hand, no model writes them: the
same documents give the same questions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from doyen_experts.store.chunking import headings
from doyen_experts.store.documents import Chunk, Document
from doyen_experts.store.units import units
from doyen_experts.store.words import STOPWORDS, humps

_OF_NAME = (
    *("What is {}?", "What does {} do?", "How do I use {}?", "{} example", "explain {}", "{}", "when should I use {}"),
    *("How does {} work?", "tell me about {}", "what are the parameters of {}?", "{} not working as expected"),
)
_OF_TOPIC = (
    *("What is {}?", "{}", "tell me about {}", "explain {}", "how does {} work", "I have a question about {}"),
    *("What should I know about {}?", "Can you describe {}?", "what is meant by {}"),
)
_OF_ACTION = (
    *("How do I {}?", "how can I {}", "What is the best way to {}?", "I want to {}", "how to {}", "{}"),
    *("Which one do I need to {}?", "Can you show me how to {}?", "is it possible to {}?"),
)
_OF_STATEMENT = ("{}", "what is {}", "What does it mean: {}?", "explain: {}")
_VERBS = frozenset(
    """
    add allow apply assert assign associate attach begin bind build calculate call cancel change check clear close
    collect combine compare compile compute configure connect construct convert copy count create declare decode define
    delete detect determine disable discard divide draw emit enable encode ensure establish estimate evaluate execute
    expand expire export extract fetch fill filter find fit flush format generate get give group handle implement import
    indicate initialize insert inspect interpolate invoke iterate join limit list load log lock look make map mark match
    measure merge modify move multiply mount normalize open override parse pass perform print process produce provide
    publish put query raise read receive reduce refresh register reject release remove render repeat replace represent
    reset resolve restore retrieve retry return reverse roll round run sample save scale schedule search select send
    serialize set shift show simplify solve sort specify split start stop store stream subtract sum swap test transform
    translate unlock update upload use validate verify wait wrap write yield
    """.split()  # noqa: SIM905 - a hundred and fifty quoted words read worse
)
_MARKUP = re.compile(
    r"\[([^\]]*)\]\([^)]*\)|:[\w:]+:`~?\.*([^`<]*)(?:<[^>]*>)?`|[`*_|]{1,3}(?=\S)|(?<=\S)[`*|]+|^#+\s*"
)
_CODE_NAME = re.compile(r"\w*[._(]\w*|.*[a-z][A-Z]")
_SENTENCE_WORDS = (3, 22)
_SECTION = re.compile(
    r"(arg(ument)?s?|parameters?|returns?|yields?|raises?|see also|notes?|examples?|warnings?)\s*(:|-{3})",
    re.IGNORECASE,
)
_UNREADABLE = re.compile(r"[=<>{}\\^~]|\w\(.*,.*\)|->|:param|\.\. ")


def questions_from(items: Iterable[Document | Chunk], *, per_item: int = 6) -> list[tuple[str, str]]:
    """Pairs of document id and question, at most `per_item` of an item, each question of a document once."""
    pairs: dict[tuple[str, str], None] = {}
    for item in items:
        document_id = item.id if isinstance(item, Document) else item.document_id
        for question in _of_item(item, per_item):
            pairs.setdefault((document_id, question))
    return list(pairs)


def _of_item(item: Document | Chunk, count: int) -> list[str]:
    made: dict[str, None] = {}
    # One of each subject in turn: title, sentences and headings all speak before any speaks twice.
    turns = [_asked(templates, subject) for templates, subject in _subjects(item)]
    while turns and len(made) < count:
        for turn in list(turns):
            question = next(turn, None)
            if question is None:
                turns.remove(turn)
            elif len(made) < count:
                made.setdefault(question)
    return list(made)


def _subjects(item: Document | Chunk) -> Iterator[tuple[tuple[str, ...], str]]:
    name, _, topic = (part.strip() for part in item.title.partition(": "))
    spoken = spoken_name(name)
    sentences = _sentences(item.text)
    first = sentences[0] if sentences else ""
    if topic:
        yield _OF_TOPIC, topic
    yield (_OF_NAME if " " not in name and _CODE_NAME.match(name) else _OF_TOPIC), name
    for sentence in sentences:
        action = _action(sentence)
        yield (_OF_ACTION, action) if action else (_OF_STATEMENT, _lowered(sentence))
    if spoken != name.lower():
        yield _OF_TOPIC, spoken
    if first:
        yield ("{}",), keywords(first)
    found = [item.heading] if isinstance(item, Chunk) else [heading for _, heading in headings(item.text)]
    for heading in dict.fromkeys(path.split(" > ")[-1] for path in found if path):
        if heading.casefold() != item.title.casefold():
            yield _OF_TOPIC, f"{heading} in {spoken}" if len(heading.split()) == 1 else heading


def _asked(templates: tuple[str, ...], subject: str) -> Iterator[str]:
    """All templates in an order drawn from the subject, every other question as people type: small, without a mark."""
    ordered = sorted(templates, key=lambda template: hashlib.sha256(f"{template}{subject}".encode()).digest())
    for number, template in enumerate(ordered):
        question = template.format(subject).strip()
        is_typed = (len(subject) + number) % 2 == 0
        yield question.rstrip("?.").lower() if is_typed and " " in question else question


def spoken_name(name: str) -> str:
    """A name as people say it: `Session.bulk_save` and `BulkSave` become "session bulk save" and "bulk save"."""
    parts = (part for word in re.split(r"[\s._]+|(?<=[a-z])-(?=[a-z])", name) for part in humps(word))
    return " ".join(parts).lower()


def keywords(sentence: str, *, count: int = 6) -> str:
    """The sentence's content words in order, as somebody types them into a search box."""
    found = (word.strip(".,;:()'\"?!").lower() for word in sentence.split())
    kept = dict.fromkeys(word for word in found if len(word) > 2 and word not in STOPWORDS)
    return " ".join(list(kept)[:count])


def _sentences(text: str, *, count: int = 3) -> list[str]:
    """The first readable sentences: no code, no signatures, no markup."""
    kept: list[str] = []
    for unit in units(text[:4_000]):
        sentence = " ".join(_MARKUP.sub(r"\1\2", text[unit.start : unit.end]).split()).rstrip(".:;")
        words = sentence.split()
        is_readable = sentence[:1].isalpha() and not _UNREADABLE.search(sentence) and not _SECTION.match(sentence)
        if unit.form == "prose" and len(words) >= _SENTENCE_WORDS[0] and is_readable:
            kept.append(" ".join(words[: _SENTENCE_WORDS[1]]).rstrip(",;:("))
            if len(kept) == count:
                break
    return kept


def _action(sentence: str) -> str | None:
    """The verb phrase of "Return the rows." or "Returns the rows.": "return the rows"."""
    first, _, rest = sentence.partition(" ")
    verb = first.lower()
    for candidate in (verb, verb.removesuffix("s"), verb.removesuffix("es")):
        if candidate in _VERBS:
            return f"{candidate} {rest}"
    return None


def _lowered(sentence: str) -> str:
    first = sentence.split(" ", 1)[0]
    return sentence if len(humps(first)) > 1 or not first[1:].islower() else sentence[0].lower() + sentence[1:]
