"""The retrieval expert quotes its documents word for word, cites them, and admits what they do not hold."""

from __future__ import annotations

import time
from itertools import count

import pytest

from doyen_experts.kinds.retrieval import RetrievalConfig, RetrievalExpert, RetrievalKind
from doyen_experts.kinds.retrieval.expert import StoreMissing
from doyen_experts.kinds.retrieval.quotes import best_quote
from doyen_experts.limits import Cancelled, DeadlinePassed
from doyen_experts.registry import ConfigInvalid
from doyen_experts.store.generation import EncoderMismatch, open_generation, write_generation
from doyen_experts.store.manifest import GenerationCorrupt


@pytest.fixture
def expert(store, encoder) -> RetrievalExpert:
    return RetrievalExpert(open_generation(store), RetrievalConfig(), encoder)


def test_an_answer_quotes_its_document_at_exact_offsets(expert, ask, documents) -> None:
    (answer,) = expert.answer([ask("Which metal is liquid?")])
    assert answer.found
    assert answer.text.startswith("Mercury is a metal that is liquid at room temperature.")
    assert "Sources:\n[1] Mercury (elements/mercury)" in answer.text
    texts = {document.id: document.text for document in documents}
    for citation in answer.citations:
        assert texts[citation.document_id][citation.start : citation.end] == citation.quote
        assert citation.quote in answer.text
    assert answer.citations[0].score == pytest.approx(answer.score)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (4, len(answer.text.split()))
    assert answer.finish_reason == "stop"


def test_what_the_documents_do_not_hold_is_not_found(expert, ask) -> None:
    (answer,) = expert.answer([ask("What is a good pasta recipe?")])
    assert not answer.found
    assert answer.citations == ()
    assert answer.text == "I found nothing about this in my documents."
    assert answer.score < 0.28


def test_the_threshold_is_the_experts_own(store, encoder, ask) -> None:
    strict = RetrievalExpert(open_generation(store), RetrievalConfig(min_score=0.99), encoder)
    assert not strict.answer([ask("liquid metal")])[0].found


def test_code_is_quoted_whole_and_its_marker_stands_apart(expert, ask) -> None:
    (answer,) = expert.answer([ask("show children relationship Child back_populates parent")])
    assert (
        "```python\nchildren = relationship('Child', back_populates='parent')\n# the other side\n```\n[1]"
        in answer.text
    )


def test_the_callers_vector_is_used_and_the_others_are_encoded_in_one_batch(store, encoder, ask) -> None:
    class Counting(type(encoder)):
        calls: list[list[str]] = []  # noqa: RUF012 - a test's own record

        def encode(self, texts, *, max_tokens=None):
            self.calls.append(list(texts))
            return super().encode(texts, max_tokens=max_tokens)

    expert = RetrievalExpert(open_generation(store), RetrievalConfig(), Counting())
    mercury_D = encoder.encode(["liquid metal"])[0]
    answers = expert.answer(
        [
            ask("shell command from user input"),
            ask("liquid metal", vector=mercury_D),
            ask("related objects loaded lazily"),
        ]
    )
    assert [answer.citations[0].document_id for answer in answers] == ["cwe-78", "mercury", "relationship"]
    assert Counting.calls == [["shell command from user input", "related objects loaded lazily"]]


def test_a_stream_joins_to_the_answer_and_ends_with_it(expert, ask) -> None:
    request = ask("Which metal is liquid?")
    *deltas, last = expert.stream(request)
    assert last.answer == expert.answer([request])[0]
    assert "".join(delta.text for delta in (*deltas, last)) == last.answer.text
    assert len(deltas) >= 3
    assert all(delta.answer is None and delta.text for delta in deltas)


@pytest.mark.parametrize("max_tokens", [1, 5, 12, 1_000])
def test_tokens_are_limited_and_cut_answers_cite_what_they_show(expert, ask, max_tokens: int) -> None:
    (answer,) = expert.answer([ask("Which metal is liquid?", max_tokens=max_tokens)])
    assert answer.usage.completion_tokens <= max_tokens
    assert answer.text
    assert answer.finish_reason == ("stop" if max_tokens == 1_000 else "length")
    assert len(answer.citations) == sum(f"[{number}]" in answer.text for number in range(1, 4))


def test_stop_words_end_the_answer(expert, ask) -> None:
    (answer,) = expert.answer([ask("Which metal is liquid?", stop=("never", " liquid"))])
    assert answer.text == "Mercury is a metal that is"
    assert answer.finish_reason == "stop"


def test_one_late_or_cancelled_request_harms_no_other_in_the_batch(expert, ask) -> None:
    late, cancelled, good = expert.answer(
        [
            ask("metal", deadline_at=time.time() - 1),
            ask("metal", is_cancelled=lambda: True),
            ask("liquid metal", deadline_at=time.time() + 60),
        ]
    )
    assert isinstance(late, DeadlinePassed)
    assert isinstance(cancelled, Cancelled)
    assert good.found


def test_a_cancelled_stream_stops_early_without_an_answer(expert, ask) -> None:
    calls = count()
    deltas = list(expert.stream(ask("Which metal is liquid?", is_cancelled=lambda: next(calls) > 2)))
    assert 0 < len(deltas) < 3
    assert all(delta.answer is None for delta in deltas)


def test_a_late_stream_raises(expert, ask) -> None:
    with pytest.raises(DeadlinePassed):
        list(expert.stream(ask("metal", deadline_at=1.0)))


def test_opening_needs_a_sound_store_of_the_same_encoder(store, encoder, resources, spec) -> None:
    kind = RetrievalKind()
    assert kind.open(spec("retrieval", store_path=store), resources)
    with pytest.raises(StoreMissing, match="add documents"):
        kind.open(spec("retrieval"), resources)
    with pytest.raises(ConfigInvalid, match="min_score"):
        kind.open(spec("retrieval", {"min_score": 2}, store), resources)
    generation = open_generation(store)
    other = write_generation(
        store.parent, list(generation.chunks()), generation.vectors(), encoder_identity="another-encoder"
    )
    with pytest.raises(EncoderMismatch):
        kind.open(spec("retrieval", store_path=other), resources)
    (store / "rows.npy").write_bytes(b"x")
    with pytest.raises(GenerationCorrupt):
        kind.open(spec("retrieval", store_path=store), resources)


def test_the_best_sentences_in_a_row_are_chosen() -> None:
    text = "# Cats\n\nCats sleep. They hunt mice at night. Mice fear them.\n\nDogs bark."
    start, end = best_quote(text, "what do they hunt at night", max_chars=60)
    assert text[start:end] == "They hunt mice at night. Mice fear them.\n\nDogs bark."
    start, end = best_quote(text, "what do they hunt at night", max_chars=30)
    assert text[start:end] == "They hunt mice at night."


def test_a_sentence_longer_than_the_room_is_cut_at_a_word() -> None:
    text = "word " * 100
    start, end = best_quote(text, "word", max_chars=52)
    assert text[start:end].split() == ["word"] * 10
    assert best_quote("", "x", max_chars=100) == (0, 0)
    assert best_quote("# Only a heading", "x", max_chars=100) == (0, 16)
