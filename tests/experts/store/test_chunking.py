"""Chunks are verbatim pieces of their document, whatever the script."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doyen_experts.store.chunking import chunk, embedding_text, headings
from doyen_experts.store.documents import Document, DocumentInvalid

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=400)
PIECES = st.lists(
    st.one_of(TEXT, st.sampled_from(["\n\n", "# Ünï\n", "## 中文 🎉\n", "```\n# no\n```\n", "- e\u0301\n", "👩‍👩‍👧 "])),
    max_size=20,
)


@settings(max_examples=150, deadline=None)
@given(PIECES, st.sampled_from(["text/plain", "text/markdown"]), st.integers(20, 300))
def test_offsets_are_exact_and_limits_kept(pieces: list[str], media_type: str, max_chars: int) -> None:
    document = Document("d", "t", "".join(pieces), "s", media_type=media_type)
    found = chunk(document, max_chars=max_chars)
    for piece in found:
        assert document.text[piece.start : piece.end] == piece.text
        assert 0 < len(piece.text) <= max_chars
    assert [piece.ordinal for piece in found] == list(range(len(found)))
    assert len({piece.text for piece in found}) == len(found) == len({piece.id for piece in found})
    assert bool(found) == bool(document.text.strip()) or not any(map(str.isprintable, document.text))


def test_no_word_of_a_text_is_lost() -> None:
    text = "\n\n".join(f"Absatz {n}: " + "äußerst wörtlich " * 30 for n in range(20))
    found = chunk(Document("d", "t", text, "s"))
    assert {word for piece in found for word in piece.text.split()} == set(text.split())


def test_the_path_of_headings_is_kept_and_code_is_no_heading() -> None:
    text = "# Top\n\nintro\n\n```sh\n# not a heading\n```\n\n## One\n\n### Deep\n\nx\n\n## Two\n\nlast words"
    assert [path for _, path in headings(text)] == ["Top", "Top > One", "Top > One > Deep", "Top > Two"]
    found = chunk(Document("d", "t", text, "s", media_type="text/markdown"), max_chars=22)
    assert {piece.text: piece.heading for piece in found}["## Two\n\nlast words"] == "Top > Two"
    assert {piece.heading for piece in found if "not a heading" in piece.text} == {"Top"}


def test_hostile_markdown_takes_no_longer_than_its_length() -> None:
    started = time.monotonic()
    for text in ("# " + " " * 200_000 + "x", "#" * 200_000, "# a" + " #" * 100_000, "```" * 70_000):
        headings(text)
    assert time.monotonic() - started < 1


def test_ids_are_stable_and_tied_to_document_place_and_text() -> None:
    one = chunk(Document("d", "t", "alpha", "s"))[0].id
    assert chunk(Document("d", "another title", "alpha", "elsewhere"))[0].id == one
    assert chunk(Document("e", "t", "alpha", "s"))[0].id != one
    assert chunk(Document("d", "t", "beta", "s"))[0].id != one


def test_a_text_that_comes_twice_is_kept_once() -> None:
    text = "\n\n".join(["same words here. " * 5, "other words there. " * 5, "same words here. " * 5])
    found = chunk(Document("d", "t", text, "s"), max_chars=100)
    assert [piece.text[:4] for piece in found] == ["same", "othe"]


def test_blank_documents_have_no_chunks() -> None:
    assert chunk(Document("d", "t", " \n\t\n", "s")) == []


@pytest.mark.parametrize(
    ("field", "values"),
    [("id", ("", "t", "x", "s")), ("text", ("d", "t", "a\0b", "s")), ("title", ("d", "\ud800", "x", "s"))],
)
def test_what_no_later_step_can_carry_is_refused(field: str, values: tuple[str, str, str, str]) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        Document(*values)
    assert caught.value.param == field


def test_the_embedded_text_says_title_and_heading_once() -> None:
    text = "# Orders\n\n## Refunds\n\nMoney comes\n  back."
    found = chunk(Document("d", "Orders", text, "s", media_type="text/markdown"), max_chars=30)
    assert embedding_text(found[-1]) == "Orders. Refunds. Money comes back."
