"""The remote expert against a real HTTP server: answers, streams, retries, failures, and no secret let out."""

from __future__ import annotations

import json
import time
import traceback

import pytest

from doyen_experts.contract import Usage
from doyen_experts.kinds.remote import RemoteFailed
from doyen_experts.limits import Cancelled, DeadlinePassed
from doyen_router.errors import Invalid


def event(**fields: object) -> bytes:
    return b"data: " + json.dumps(fields, ensure_ascii=False).encode() + b"\n\n"


def token(text: str | None, reason: str | None = None) -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": reason}])


DONE = b"data: [DONE]\n\n"


def test_an_answer_with_its_usage_and_cost(server, play, remote, ask) -> None:
    server.plays = [play.whole("Paris.", reason="length", usage=(1_000, 500))]
    expert = remote(
        api_key_ref="vendor-key",
        system_prompt="Be short.",
        extra_headers={"x-team": "doyen"},
        price_per_million_prompt_tokens_usd=2.0,
        price_per_million_completion_tokens_usd=10.0,
    )
    (answer,) = expert.answer([ask("Capital?", max_tokens=9, temperature=0.0, stop=("\n",), seed=4)])
    assert (answer.text, answer.usage, answer.finish_reason) == ("Paris.", Usage(1_000, 500), "length")
    assert answer.cost_usd == pytest.approx(0.007)
    assert server.paths == ["/v1/chat/completions"]
    assert server.bodies == [
        {
            "model": "m-1",
            "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Capital?"}],
            "max_tokens": 9,
            "temperature": 0.0,
            "stop": ["\n"],
            "seed": 4,
            "stream": False,
        }
    ]
    assert server.headers[0]["authorization"] == "Bearer sk-very-secret"
    assert server.headers[0]["x-team"] == "doyen"
    assert server.headers[0]["host"] == f"127.0.0.1:{server.port}"


def test_without_a_key_none_is_sent_and_missing_usage_is_counted(server, play, remote, ask) -> None:
    server.plays = [play.whole("two words", usage=None)]
    (answer,) = remote().answer([ask("what is it")])
    assert "authorization" not in server.headers[0]
    assert answer.usage == Usage(3, 2)


def test_connections_are_kept_alive(server, play, remote, ask) -> None:
    server.plays = [play.whole("x")]
    remote().answer([ask("a"), ask("b"), ask("c")])
    assert len(server.connections) == 1


def test_a_stream_survives_comments_line_ends_and_split_characters(server, play, remote, ask) -> None:
    payload = (
        b": ping\r\n\r\n" + token("Gr").replace(b"\n", b"\r\n") + token("üß") + b"event: message\n" + token("e 🎉")
    )
    payload += token(None, "stop") + event(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 4}) + DONE
    server.plays = [play.streamed(*(payload[at : at + 7] for at in range(0, len(payload), 7)))]
    *deltas, last = remote(price_per_million_prompt_tokens_usd=1e6).stream(ask("greet"))
    assert [delta.text for delta in deltas] == ["Gr", "üß", "e 🎉"]
    assert last.answer.text == "Grüße 🎉"
    assert last.answer.usage == Usage(5, 4)
    assert last.answer.cost_usd == pytest.approx(5.0)
    assert server.bodies[0]["stream_options"] == {"include_usage": True}


def test_a_stream_may_end_without_done_once_it_gave_its_reason(server, play, remote, ask) -> None:
    server.plays = [play.streamed(token("all"), token("", "length"))]
    *_, last = remote().stream(ask("x"))
    assert (last.answer.text, last.answer.finish_reason) == ("all", "length")


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([token("half")], "ended its answer early"),
        ([token("half"), event(error={"message": "sk-very-secret"})], "reported an error"),
        ([token("half"), b"event: error\ndata: {}\n\n"], "reported an error"),
        ([token("half"), b"data: {not json\n\n"], "no chat completion chunk"),
        ([token("half"), b"data: [1]\n\n"], "no chat completion chunk"),
    ],
)
def test_a_stream_that_breaks_raises_and_is_not_tried_again(server, play, remote, ask, parts, reason: str) -> None:
    server.plays = [play.streamed(*parts)]
    texts = []
    with pytest.raises(RemoteFailed, match=reason) as caught:
        texts.extend(delta.text for delta in remote().stream(ask("x")))
    assert "sk-very-secret" not in str(caught.value)
    assert len(server.bodies) == 1


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(server, play, remote, ask, code: int) -> None:
    server.plays = [play.status(code, retry_after="0.01"), play.whole("now")]
    assert remote().answer([ask("x")])[0].text == "now"
    server.plays = [play.status(code), play.streamed(token("now", "stop"), DONE)]
    assert "".join(delta.text for delta in remote().stream(ask("x"))) == "now"
    assert len(server.bodies) == 4


@pytest.mark.parametrize(
    ("code", "told"),
    [(400, "malformed"), (401, "refused its key"), (404, "does not know"), (500, "HTTP 500"), (302, "redirects")],
)
def test_other_failures_are_told_once_without_the_body(server, play, remote, ask, code: int, told: str) -> None:
    server.plays = [play.status(code, location="http://127.0.0.1:1/")]
    (failure,) = remote(api_key_ref="vendor-key").answer([ask("x")])
    assert isinstance(failure, RemoteFailed)
    assert failure.status == code
    assert told in str(failure)
    assert "sk-very-secret" not in "".join(traceback.format_exception(failure))
    assert len(server.bodies) == 1


def test_retries_end(server, play, remote, ask) -> None:
    server.plays = [play.status(503)]
    (failure,) = remote(max_retries=1).answer([ask("x")])
    assert isinstance(failure, RemoteFailed)
    assert len(server.bodies) == 2


def test_a_retry_that_would_outlast_the_deadline_is_not_waited_for(server, play, remote, ask) -> None:
    server.plays = [play.status(429, retry_after="3")]
    started = time.monotonic()
    (failure,) = remote().answer([ask("x", deadline_at=time.time() + 1)])
    assert isinstance(failure, RemoteFailed)
    assert failure.retry_after_seconds == 3
    assert time.monotonic() - started < 0.9


def test_a_server_that_is_not_there_is_unreachable(server, remote, ask) -> None:
    (failure,) = remote(base_url="http://127.0.0.1:9/v1", max_retries=0).answer([ask("x")])
    assert "cannot be reached" in str(failure)
    (failure,) = remote(base_url="http://no-such-host.invalid/v1", max_retries=0).answer([ask("x")])
    assert "cannot be reached" in str(failure)


def test_silence_ends_with_the_timeout_or_the_deadline(server, remote, ask) -> None:
    server.plays = [lambda handler: time.sleep(0.6)]
    (slow,) = remote(timeout_seconds=0.2).answer([ask("x")])
    assert isinstance(slow, RemoteFailed)
    assert "0.2 seconds" in str(slow)
    (late,) = remote().answer([ask("x", deadline_at=time.time() + 0.2)])
    assert isinstance(late, DeadlinePassed)


def test_a_server_that_drips_is_cut_off(server, play, remote, ask) -> None:
    server.plays = [play.streamed(*[b": ping\n\n"] * 100, pause=lambda: time.sleep(0.05))]
    started = time.monotonic()
    with pytest.raises(RemoteFailed, match=r"did not finish within 0\.3"):
        list(remote(timeout_seconds=0.3).stream(ask("x")))
    assert time.monotonic() - started < 2


def test_a_cancelled_stream_stops_between_tokens(server, play, remote, ask) -> None:
    server.plays = [play.streamed(*[token("t ")] * 100, pause=lambda: time.sleep(0.02))]
    seen: list[str] = []
    for delta in remote().stream(ask("x", is_cancelled=lambda: len(seen) >= 3)):
        assert delta.answer is None
        seen.append(delta.text)
    assert 3 <= len(seen) < 10
    (result,) = remote().answer([ask("x", is_cancelled=lambda: True)])
    assert isinstance(result, Cancelled)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"choices": []}', b'{"error": "x"}', b'{"choices": 5}'])
def test_what_is_no_completion_is_refused(server, play, remote, ask, body: bytes) -> None:
    server.plays = [play.status(200, body)]
    (failure,) = remote().answer([ask("x")])
    assert isinstance(failure, RemoteFailed)


def test_a_stream_asked_for_and_not_given_is_refused(server, play, remote, ask) -> None:
    server.plays = [play.whole("not a stream")]
    with pytest.raises(RemoteFailed, match="broke the connection"):
        list(remote().stream(ask("x")))


def test_a_missing_secret_is_told_when_the_expert_is_opened(remote) -> None:
    with pytest.raises(Invalid, match="no-such-key"):
        remote(api_key_ref="no-such-key")
