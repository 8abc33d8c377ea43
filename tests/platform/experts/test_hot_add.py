"""Experts come and go while requests run: routed to at once, gone at once, and nobody else is disturbed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Server, make_settings, serving
from tests.platform.conftest import ASKED, DOMAINS, Domains, register


@pytest.fixture
def garden(tmp_path: Path) -> Iterator[Domains]:
    """A platform of its own that knows gardening and cooking, and will learn astronomy."""
    with serving(make_settings(tmp_path)) as server:
        names = {domain: register(server, tenant=None, domain=domain) for domain in ("gardening", "cooking")}
        yield Domains(server, "default", server.key("app"), server.key("admin"), names)


class Traffic:
    """A caller that asks without a pause, and remembers each answer."""

    def __init__(self, domains: Domains, domain: str) -> None:
        self.answers: list[tuple[int, str]] = []
        self._domains, self._domain = domains, domain
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        body = {"model": "auto", "messages": [{"role": "user", "content": ASKED[self._domain]}]}
        with self._domains.server.http(self._domains.app) as http:
            while not self._done.is_set():
                answer = http.post("/v1/chat/completions", json=body)
                self.answers.append((answer.status_code, answer.json().get("model", answer.text)))

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(timeout=30)


def test_an_expert_is_added_and_removed_under_traffic(garden: Domains) -> None:
    assert garden.ask(ASKED["astronomy"]).json()["routing"]["abstained"] is True
    with Traffic(garden, "gardening") as traffic, garden.server.http() as http:
        added = http.post("/admin/experts", json={"name": "astronomy"} | DOMAINS["astronomy"])
        assert (added.status_code, added.json()["state"]) == (201, "active")
        answer = garden.ask(ASKED["astronomy"])
        assert answer.json()["model"] == "astronomy"
        assert answer.json()["citations"][0]["title"] == "Jupiter's moons"
        assert garden.ask(ASKED["cooking"]).json()["model"] == garden.names["cooking"]
        during = len(traffic.answers)
        assert http.delete("/admin/experts/astronomy").status_code == 204
        assert garden.ask("hello", model="astronomy").status_code == 404
        assert garden.ask(ASKED["astronomy"]).json()["routing"]["abstained"] is True
        assert http.get("/admin/experts/astronomy").status_code == 404
        assert "astronomy" not in http.get("/v1/models").text
    assert during > 0
    assert set(traffic.answers) == {(200, garden.names["gardening"])}
    assert added.headers["location"] == "/admin/experts/astronomy"
    confusion = {one["expert"]: one for one in added.json()["confusion"]}
    assert confusion.keys() == set(garden.names.values())
    assert all(0 <= one["theirs_lost"] <= 0.5 and 0 <= one["ours_lost"] <= 0.5 for one in confusion.values())
    _registered_again(garden)


def _registered_again(garden: Domains) -> None:
    """A name that was removed is free, and brings nothing back."""
    with garden.server.http() as http:
        again = http.post("/admin/experts", json={"name": "astronomy", "description": "Stars.", "kind": "echo"})
        assert (again.status_code, again.json()["documents"], again.json()["examples"]) == (201, {}, 0)
    assert garden.ask("hello", model="astronomy").json()["choices"][0]["message"]["content"] == "hello"


def test_a_description_alone_is_enough_to_be_routed_to(garden: Domains) -> None:
    with garden.server.http() as http:
        described = {
            "name": "music",
            "description": "Music: composers, instruments, scores and harmony.",
            "kind": "echo",
        }
        assert http.post("/admin/experts", json=described).status_code == 201
    assert garden.ask("Which instruments play in a string quartet?").json()["model"] == "music"
    assert garden.ask(ASKED["gardening"]).json()["model"] == garden.names["gardening"]


def test_a_paused_expert_is_not_chosen_and_comes_back(garden: Domains) -> None:
    name = garden.names["cooking"]
    with garden.server.http() as http:
        assert http.post(f"/admin/experts/{name}/pause").json()["state"] == "paused"
        explained = http.post("/v1/routing/explain", json={"input": ASKED["cooking"]}).json()
        assert explained["masked"][name] == "paused"
        assert garden.ask(ASKED["cooking"]).json()["model"] != name
        assert name not in http.get("/v1/models").text
        assert http.post(f"/admin/experts/{name}/resume").json()["state"] == "active"
    assert garden.ask(ASKED["cooking"]).json()["model"] == name


def test_more_examples_widen_what_an_expert_is_asked(garden: Domains) -> None:
    question = "Which laws of thermodynamics govern a pressure vessel?"
    assert garden.ask(question).json()["model"] != garden.names["cooking"]
    with garden.server.http() as http:
        texts = [question, "What do the laws of thermodynamics say of vessels under pressure?"]
        body = {"examples": [{"text": text} for text in texts]}
        told = http.post(f"/admin/experts/{garden.names['cooking']}/examples", json=body)
        assert told.json() == {"added": 2, "known_already": 0}
        again = http.post(f"/admin/experts/{garden.names['cooking']}/examples", json=body)
        assert again.json() == {"added": 0, "known_already": 2}
    assert garden.ask(question).json()["model"] == garden.names["cooking"]


def test_many_are_added_at_once(server: Server) -> None:
    names = [f"p-{number}-{server.tenant()[2:]}" for number in range(6)]
    statuses: list[int] = []

    def add(name: str) -> None:
        with server.http() as http:
            body = {"name": name, "description": f"Topic {name}", "kind": "echo", "tenant": name}
            http.post("/admin/tenants", json={"id": name, "title": name})
            statuses.append(http.post("/admin/experts", json=body).status_code)

    threads = [threading.Thread(target=add, args=(name,)) for name in [*names, names[0]]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] * 6 + [409]
    with server.http() as http:
        states = {e["name"]: e["state"] for e in http.get("/admin/experts").json()["data"]}
    assert {states[name] for name in names} == {"active"}
    assert set(names) <= set(server.platform.keeper.current.experts)
