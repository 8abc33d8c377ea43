"""`/v1/chat/completions` as the unmodified OpenAI client uses it."""

from __future__ import annotations

from collections.abc import Callable

import openai
import pytest
from tests.conftest import Server
from tests.platform.conftest import ASKED, OUTSIDE, Domains

Echo = Callable[..., tuple[str, str]]


@pytest.mark.parametrize("domain", sorted(ASKED))
def test_auto_asks_the_expert_who_knows_and_cites_its_document(domains: Domains, domain: str) -> None:
    client = domains.server.openai(domains.app)
    answer = client.chat.completions.create(model="auto", messages=[{"role": "user", "content": ASKED[domain]}])
    assert answer.model == domains.names[domain]
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.role == "assistant"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 10
    extra = answer.model_extra or {}
    assert answer.routing["reason"] == "gate"  # type: ignore[attr-defined]  # a field beside OpenAI's
    assert answer.routing["confidence"] > 0.8  # type: ignore[attr-defined]
    cited = extra["citations"][0]
    assert cited["quote"] in (answer.choices[0].message.content or "")


def test_out_of_domain_is_an_honest_abstention(domains: Domains) -> None:
    answer = domains.ask(OUTSIDE)
    assert answer.status_code == 200
    body = answer.json()
    assert body["model"] == "auto"
    assert body["routing"]["abstained"] is True
    assert body["routing"]["reason"] == "out_of_domain"
    assert body["routing"]["experts"] == []
    assert "outside the domains" in body["choices"][0]["message"]["content"]
    assert answer.headers["x-doyen-abstained"] == "true"
    assert answer.headers["x-doyen-route-reason"] == "out_of_domain"


def test_the_headers_tell_the_decision(domains: Domains) -> None:
    answer = domains.ask(ASKED["cooking"])
    body = answer.json()
    assert answer.headers["x-doyen-decision-id"] == body["routing"]["decision_id"]
    assert answer.headers["x-doyen-expert"] == body["model"] == domains.names["cooking"]
    assert answer.headers["x-doyen-gate-version"] == body["routing"]["gate_version"]
    assert 0 <= float(answer.headers["x-doyen-confidence"]) <= 1
    assert float(answer.headers["x-doyen-overhead-ms"]) >= 0
    assert answer.headers["x-request-id"]
    assert not [name for name in answer.headers if name in ("x-doyen-probabilities", "x-doyen-masked")]


def test_debug_headers_name_only_the_callers_experts(domains: Domains) -> None:
    with domains.server.http(domains.app) as http:
        answer = http.post(
            "/v1/chat/completions",
            json={"model": "auto", "messages": [{"role": "user", "content": ASKED["cooking"]}]},
            headers={"x-doyen-debug": "true", "x-request-id": "mine-1"},
        )
    probabilities = dict(one.split("=") for one in answer.headers["x-doyen-probabilities"].split(","))
    assert probabilities.keys() <= {*domains.names.values(), *_shared(domains)}
    assert answer.headers["x-doyen-policy"] == "default"
    assert answer.headers["x-request-id"] == "mine-1"
    masked = [one.split("=")[0] for one in answer.headers["x-doyen-masked"].split(",") if one]
    assert set(masked) <= set(_shared(domains))


def _shared(domains: Domains) -> list[str]:
    with domains.server.http() as http:
        return [e["name"] for e in http.get("/admin/experts").json()["data"] if e["tenant"] is None]


def test_a_stream_joins_to_the_plain_answer(domains: Domains) -> None:
    client = domains.server.openai(domains.app)
    plain = client.chat.completions.create(model="auto", messages=[{"role": "user", "content": ASKED["astronomy"]}])
    chunks = list(
        client.chat.completions.create(
            model="auto",
            messages=[{"role": "user", "content": ASKED["astronomy"]}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == plain.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {chunk.model for chunk in chunks} == {domains.names["astronomy"]}
    assert len({chunk.id for chunk in chunks}) == 1
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == plain.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_without_usage_has_none(domains: Domains) -> None:
    client = domains.server.openai(domains.app)
    chunks = list(
        client.chat.completions.create(
            model=domains.names["cooking"], messages=[{"role": "user", "content": "Bread?"}], stream=True
        )
    )
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_a_stream_that_abstains_still_answers(domains: Domains) -> None:
    client = domains.server.openai(domains.app)
    chunks = list(
        client.chat.completions.create(model="auto", messages=[{"role": "user", "content": OUTSIDE}], stream=True)
    )
    assert "outside the domains" in "".join(c.choices[0].delta.content or "" for c in chunks)


def test_content_may_be_parts_and_more_parameters_are_tolerated(server: Server, echo: Echo) -> None:
    name, key = echo()
    answer = server.openai(key).chat.completions.create(
        model=name,
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        ],
        temperature=0.3,
        top_p=0.5,
        seed=7,
        user="u-1",
        presence_penalty=0.1,
        logit_bias={"50256": -100},
        tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
        response_format={"type": "text"},
        extra_body={"unheard_of": {"x": 1}},
    )
    assert answer.choices[0].message.content == "one\ntwo"
    assert answer.routing["reason"] == "pinned"  # type: ignore[attr-defined]  # a field beside OpenAI's


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_max_tokens_cuts_with_length(server: Server, echo: Echo, limit: str, stream: bool) -> None:
    name, key = echo()
    body = {
        "model": name,
        "messages": [{"role": "user", "content": "one two three four five six"}],
        "stream": stream,
        limit: 3,
    }
    client = server.openai(key)
    made = client.chat.completions.create(**body)  # type: ignore[call-overload]  # the client's overloads want literals
    if stream:
        chunks = list(made)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        finish = chunks[-1].choices[0].finish_reason
    else:
        text, finish = made.choices[0].message.content, made.choices[0].finish_reason
        assert made.usage.completion_tokens == 3
    assert (text, finish) == ("one two three", "length")


@pytest.mark.parametrize("stop", ["three", ["five", "three"]])
def test_stop_words_end_the_answer(server: Server, echo: Echo, stop: str | list[str]) -> None:
    name, key = echo()
    answer = server.openai(key).chat.completions.create(
        model=name, messages=[{"role": "user", "content": "one two three four five"}], stop=stop
    )
    assert (answer.choices[0].message.content or "").strip() == "one two"
    assert answer.choices[0].finish_reason == "stop"


def test_errors_arrive_as_the_clients_own(server: Server, echo: Echo, domains: Domains) -> None:
    name, key = echo()
    ask = {"messages": [{"role": "user", "content": "hello"}]}
    with pytest.raises(openai.NotFoundError) as missing:
        server.openai(key).chat.completions.create(model="gpt-nobody", **ask)  # type: ignore[call-overload]
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError) as policy:
        server.openai(key).chat.completions.create(model="auto:nobody", **ask)  # type: ignore[call-overload]
    assert policy.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError) as foreign:
        server.openai(key).chat.completions.create(model=domains.names["cooking"], **ask)  # type: ignore[call-overload]
    assert foreign.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError) as wrong:
        server.openai("dk-wrong").chat.completions.create(model=name, **ask)  # type: ignore[call-overload]
    assert wrong.value.code == "invalid_api_key"
    with pytest.raises(openai.PermissionDeniedError) as scope:
        server.openai(server.key("analytics")).chat.completions.create(model=name, **ask)  # type: ignore[call-overload]
    assert scope.value.code == "insufficient_scope"
    with pytest.raises(openai.BadRequestError) as bad:
        server.openai(key).chat.completions.create(model=name, messages=[])
    assert bad.value.code == "invalid_value"
    assert bad.value.param == "messages"


def test_a_paused_expert_is_unavailable_for_a_while(server: Server, echo: Echo) -> None:
    name, key = echo()
    with server.http() as http:
        assert http.post(f"/admin/experts/{name}/pause").json()["state"] == "paused"
    with pytest.raises(openai.InternalServerError) as paused:
        server.openai(key).chat.completions.create(model=name, messages=[{"role": "user", "content": "hi"}])
    assert paused.value.status_code == 503
    assert paused.value.code == "expert_unavailable"
    assert int(paused.value.response.headers["retry-after"]) >= 1
    with server.http() as http:
        assert http.post(f"/admin/experts/{name}/resume").json()["state"] == "active"
    answer = server.openai(key).chat.completions.create(model=name, messages=[{"role": "user", "content": "hi"}])
    assert answer.choices[0].message.content == "hi"


def test_a_short_turn_is_routed_with_the_turns_before_it(domains: Domains) -> None:
    first = {"role": "user", "content": "Which large moons does Jupiter have?"}
    reply = {"role": "assistant", "content": "Io, Europa, Ganymede and Callisto."}
    for follow_up in ("yes", "and the second one?"):
        messages = [first, reply, {"role": "user", "content": follow_up}]
        answer = domains.ask("", messages=messages).json()
        assert answer["model"] == domains.names["astronomy"], follow_up
    alone = domains.ask("yes").json()
    assert alone["routing"]["abstained"] is True
    turned = [first, reply, {"role": "user", "content": "And how do I bake a good sourdough bread?"}]
    assert domains.ask("", messages=turned).json()["model"] == domains.names["cooking"]
