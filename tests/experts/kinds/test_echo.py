from __future__ import annotations

import time

import pytest

from doyen_experts.kinds.echo import EchoFailed, EchoKind
from doyen_experts.limits import Cancelled, DeadlinePassed


@pytest.fixture
def echo(resources, spec):
    return lambda **config: EchoKind().open(spec("echo", config), resources)


def test_it_gives_the_question_back(echo, ask) -> None:
    answers = echo(prefix="> ").answer([ask("one two"), ask("three", max_tokens=1)])
    assert [answer.text for answer in answers] == ["> one two", ">"]
    assert [answer.finish_reason for answer in answers] == ["stop", "length"]
    assert (answers[0].usage.prompt_tokens, answers[0].usage.completion_tokens) == (2, 3)


@pytest.mark.parametrize("question", ["one two  three ", "  x", "", " \n"])
def test_a_stream_joins_to_the_answer(echo, ask, question: str) -> None:
    *deltas, last = echo().stream(ask(question))
    assert "".join(delta.text for delta in deltas) == question == last.answer.text


def test_the_pace_of_a_stream_is_kept(echo, ask) -> None:
    started = time.monotonic()
    assert len(list(echo(chunks_per_second=50).stream(ask("a b c d e")))) == 6
    assert 0.09 <= time.monotonic() - started < 1


def test_a_delay_ends_with_the_deadline_or_the_callers_patience(echo, ask) -> None:
    started = time.monotonic()
    (late,) = echo(delay_seconds=30).answer([ask("x", deadline_at=time.time() + 0.05)])
    until = time.monotonic() + 0.05
    (cancelled,) = echo(delay_seconds=30).answer([ask("x", is_cancelled=lambda: time.monotonic() > until)])
    assert isinstance(late, DeadlinePassed)
    assert isinstance(cancelled, Cancelled)
    assert list(echo(delay_seconds=30).stream(ask("x", is_cancelled=lambda: True))) == []
    assert time.monotonic() - started < 2


def test_it_fails_as_often_as_asked_and_the_same_request_again(echo, ask) -> None:
    assert isinstance(echo(fail_rate=1).answer([ask("x")])[0], EchoFailed)
    some = [echo(fail_rate=0.5).answer([ask("x")])[0] for _ in range(5)]
    assert len({type(result) for result in some}) == 1
    with pytest.raises(EchoFailed):
        list(echo(fail_rate=1).stream(ask("x")))
