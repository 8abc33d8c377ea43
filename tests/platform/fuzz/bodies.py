"""What every route that takes a body wants, where to send it, and who must be well after it was taken."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from tests.platform.fuzz.ground import Ground

Request = tuple[str, str, Any]  # method, target, JSON or None
MESSAGES = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "How are tomatoes watered?"}]
BOUNDARY = "0f0f0f0f"


@dataclass(frozen=True)
class Route:
    """`fill` gives the ids of the path; `body` is one that would do, None where the route takes none.

    `then` are requests that read or use what an answer says was stored.
    """

    method: str
    path: str
    body: Callable[[Ground], Any] | None  # Any: JSON
    fill: Callable[[Ground], dict[str, str]] = lambda ground: {}
    query: str = ""
    valid_status: int = 200
    then: Callable[[Ground, Any], list[Request]] = lambda ground, answer: []
    note: str = ""

    def target(self, ground: Ground) -> str:
        return self.path.format_map(self.fill(ground)) + self.query

    def __str__(self) -> str:
        return " ".join(part for part in (self.method, self.path, self.note) if part)


def _expert(ground: Ground) -> dict[str, str]:
    return {"name": ground.expert}


def _decision(ground: Ground) -> dict[str, str]:
    return {"decision_id": ground.decision}


def _chat(model: str) -> Any:  # Any: JSON
    options = {"temperature": 0.5, "max_tokens": 20, "top_p": 1, "seed": 7, "n": 1, "user": "someone"}
    return {"model": model, "messages": MESSAGES, "stream": False, "stop": ["never"]} | options


def _ask(model: str) -> Request:
    return "POST", "/v1/chat/completions", {"model": model, "messages": MESSAGES}


def _explain(model: str) -> Request:
    return "POST", "/v1/routing/explain", {"model": model, "messages": MESSAGES}


def _new_remote(_: Ground) -> Any:  # Any: JSON
    config = {
        "base_url": "http://127.0.0.1:9/v1",
        "model": "m",
        "timeout_seconds": 1,
        "max_retries": 0,
        "allow_private_addresses": True,
        "extra_headers": {"X-Team": "a"},
        "price_per_million_prompt_tokens_usd": 0.1,
        "system_prompt": "Be kind.",
    }
    return {"name": f"f-{uuid.uuid4().hex[:12]}", "description": "Elsewhere.", "kind": "remote", "config": config}


def _use_expert(_: Ground, made: Any) -> list[Request]:  # Any: JSON
    path = f"/admin/experts/{made['name']}"
    return [
        *(("GET", path, None), ("GET", "/admin/experts", None), ("GET", "/v1/models", None)),
        *(("GET", f"{path}/examples", None), ("GET", f"{path}/documents", None), _ask(made["name"])),
        ("DELETE", path, None),
    ]


def _new_expert(_: Ground) -> Any:  # Any: JSON
    document = {"title": "Roses", "text": "Prune in late winter.", "metadata": {"page": 1}, "questions": ["When?"]}
    return {
        "name": f"f-{uuid.uuid4().hex[:12]}",
        "description": "Growing roses.",
        "title": "Roses",
        "kind": "retrieval",
        "config": {},
        "generalist": False,
        "documents": [document],
        "examples": [{"text": "When to prune?"}],
    }


ROUTES = [
    Route("POST", "/v1/chat/completions", lambda g: _chat(g.echo), note="echo"),
    Route("POST", "/v1/chat/completions", lambda g: _chat(g.expert) | {"stream": True}, note="retrieval, streamed"),
    Route("POST", "/v1/chat/completions", lambda g: _chat("auto"), note="auto"),
    Route("POST", "/v1/embeddings", lambda g: {"model": "auto", "input": ["a", "b"], "encoding_format": "float"}),
    Route("POST", "/v1/routing/explain", lambda g: {"model": "auto", "messages": MESSAGES}),
    Route(
        *("POST", "/v1/routing/feedback"),
        lambda g: {"decision_id": g.decision, "verdict": "right", "expert": g.echo, "score": 0.5, "comment": "good"},
        valid_status=201,
        then=lambda g, made: [("GET", f"/v1/routing/decisions/{g.decision}", None)],
    ),
    Route("POST", "/admin/experts", _new_expert, query="?wait_seconds=2", valid_status=201, then=_use_expert),
    Route(
        *("POST", "/admin/experts", _new_remote),
        query="?wait_seconds=2",
        valid_status=201,
        then=_use_expert,
        note="remote",
    ),
    Route(
        *("PATCH", "/admin/experts/{name}"),
        lambda g: {"title": "Roses", "description": "Growing roses.", "config": {"passages": 3, "min_score": 0.1}},
        *(_expert, "?wait_seconds=2"),
        then=lambda g, _: [("GET", f"/admin/experts/{g.expert}", None), _ask(g.expert)],
    ),
    Route("POST", "/admin/experts/{name}/pause", None, _expert),
    Route("POST", "/admin/experts/{name}/resume", None, _expert, "?wait_seconds=2"),
    Route(
        *("POST", "/admin/experts/{name}/examples"),
        lambda g: {"examples": [{"text": f"When is it time {uuid.uuid4().hex}?", "fine_label": "time"}]},
        *(_expert, "?wait_seconds=2", 201),
        then=lambda g, _: [("GET", f"/admin/experts/{g.expert}/examples?limit=100", None), _explain("auto")],
    ),
    Route(
        *("POST", "/admin/experts/{name}/documents"),
        lambda g: {"documents": [{"title": "Compost", "text": "Turn it every month.", "source": "a.md"}]},
        *(_expert, "?wait_seconds=2", 201),
        then=lambda g, _: [("GET", f"/admin/experts/{g.expert}/documents?limit=100", None), _ask(g.expert)],
    ),
    Route("POST", "/admin/experts/{name}/documents/files", None, _expert, "?wait_seconds=2"),
    Route("POST", "/admin/gates", lambda g: {"promote": False}, query="?wait_seconds=1", valid_status=400),
    Route("POST", "/admin/gates/{version}/promote", None, lambda g: {"version": "0" * 64}),
    Route("POST", "/admin/gates/rollback", None),
    Route("POST", "/admin/decisions/{decision_id}/replay", None, _decision),
    Route(
        *("PUT", "/admin/policies/{name}"),
        lambda g: {"selection": "mass", "top_k": 2, "mass": 0.5, "floor": 0.1, "inside_floor": None, "allow": [g.echo]},
        lambda g: {"name": "p-fuzzed"},
        then=lambda g, _: [("GET", "/admin/policies", None), _explain("auto:p-fuzzed"), _ask("auto:p-fuzzed")],
    ),
    Route(
        *("POST", "/admin/keys"),
        lambda g: {"name": "a", "scopes": ["app"], "tenant": "default", "expires_at": "2100-01-01T00:00:00Z"},
        valid_status=201,
        then=lambda g, made: [("GET", "/admin/keys", None), ("DELETE", f"/admin/keys/{made['id']}", None)],
    ),
    Route(
        *("POST", "/admin/tenants"),
        lambda g: {"id": f"f-{uuid.uuid4().hex[:12]}", "title": "A", "prompt_storage": "hash"},
        valid_status=201,
        then=lambda g, made: [("GET", "/admin/tenants", None)],
    ),
    Route(
        *("PATCH", "/admin/tenants/{tenant}"),
        lambda g: {"title": "A", "prompt_storage": "redacted"},
        lambda g: {"tenant": g.tenant},
    ),
]

FILENAMES = st.sampled_from(
    [
        b"a.md",
        b"",
        b"..",
        b"../../etc/passwd",
        b"a\x00b.txt",
        b"\xff\xfe.pdf",
        b"a" * 3_000,
        b"a.pdf",
        b"a.html",
        b"%00.md",
        b"\\..\\a",
    ]
)
CONTENTS = st.one_of(
    st.sampled_from(
        [
            *(
                b"Water tomatoes at the root.",
                b"",
                b" \n",
                b"\x00",
                b"a\x00b",
                b"\xff\xfe\xfd",
                b"%PDF-1.7\n%%EOF",
                b"%PDF-1.4 " * 500,
            ),
            *(
                b"%PDF-1.7\n1 0 obj\n<< /Length 1e400 >>\nstream\n",
                b"PK\x03\x04" * 90,
                b"<html>" * 3_000,
                b"<p>" + b"&#0;" * 900,
            ),
        ]
    ),
    st.binary(max_size=200),
)
TYPES = st.sampled_from(
    [b"text/plain", b"application/pdf", b"text/html", b"image/png", b"", b"text/plain; charset=utf-7"]
)


@st.composite
def uploads(draw: st.DrawFn) -> tuple[bytes, str]:
    """A multipart body and its content type, sometimes cut, wrongly bounded or wrongly named."""
    field = draw(st.sampled_from([b"files", b"files", b"files", b"file", b"", b"files\x00"]))
    parts = [
        b'--%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: %s\r\n\r\n%s\r\n'
        % (BOUNDARY.encode(), field, draw(FILENAMES), draw(TYPES), draw(CONTENTS))
        for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2, 101])))
    ]
    whole = b"".join(parts) + b"--%s--\r\n" % BOUNDARY.encode()
    cut = draw(st.sampled_from([0, 0, 0, 1, 8, 30]))
    boundary = draw(st.sampled_from([BOUNDARY] * 4 + ["other", "", '"' + "x" * 300]))
    return whole[: len(whole) - cut], f"multipart/form-data; boundary={boundary}"
