"""Questions come from the documents' own words, the same ones every time."""

from __future__ import annotations

from doyen_experts.store.chunking import chunk
from doyen_experts.store.documents import Document
from doyen_experts.store.questions import keywords, questions_from, spoken_name

LOAD = Document(
    "load",
    "Session.bulkLoad",
    "Loads rows of a table into the session.\n\nParameters:\n\nrows(a, b) -> list\n\n# Error handling\n\nIt fails.",
    "s",
    media_type="text/markdown",
)


def test_a_verb_phrase_becomes_a_how_question() -> None:
    questions = [question.lower().rstrip("?") for _, question in questions_from([LOAD], per_item=99)]
    assert "how do i load rows of a table into the session" in questions


def test_names_are_asked_whole_and_as_spoken() -> None:
    questions = " | ".join(question for _, question in questions_from([LOAD], per_item=30))
    assert "Session.bulkLoad" in questions
    assert "session bulk load" in questions
    assert "Error handling" in questions


def test_code_and_signatures_are_not_asked() -> None:
    questions = " ".join(question for _, question in questions_from([LOAD], per_item=50))
    assert "->" not in questions
    assert "Parameters:" not in questions


def test_questions_are_the_same_again_tied_to_their_document_and_bounded() -> None:
    other = Document("iron", "Iron", "Iron is a metal that rusts. It is used for ships.", "s")
    pairs = questions_from([LOAD, other], per_item=5)
    assert pairs == questions_from([LOAD, other], per_item=5)
    assert [document_id for document_id, _ in pairs] == ["load"] * 5 + ["iron"] * 5
    assert len(set(pairs)) == len(pairs)
    assert len({question for _, question in pairs}) > 8


def test_chunks_speak_for_their_document() -> None:
    pairs = questions_from(chunk(LOAD, max_chars=60), per_item=3)
    assert {document_id for document_id, _ in pairs} == {"load"}
    assert len(pairs) > 3


def test_a_document_with_only_a_title_is_still_asked_about() -> None:
    (first, *_) = questions_from([Document("x", "CWE-78: Shell Injection", "", "s")])
    assert "shell injection" in first[1].lower()


def test_names_as_people_say_them() -> None:
    assert spoken_name("Session.bulk_saveAll") == "session bulk save all"
    assert spoken_name("HTTPException") == "http exception"
    assert keywords("Return the rows of a table, in order.") == "return rows table order"
