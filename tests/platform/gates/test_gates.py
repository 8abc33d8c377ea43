"""`/admin/gates` on a platform of its own: train, promote, roll back, and what serves when an artifact is damaged."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete
from tests.conftest import Server, make_settings, serving
from tests.platform.conftest import ASKED, DOMAINS, OUTSIDE, Domains, register

from doyen_platform.experts.service import find_expert
from doyen_platform.gates.models import ExampleRow
from doyen_router.gate.artifact import GateArtifactInvalid

PLANTS = ("tomatoes", "roses", "carrots", "tulips", "beans", "apples", "onions", "pumpkins", "lilies", "herbs")
SKIES = ("Jupiter", "Saturn", "Mars", "Venus", "comets", "quasars", "nebulae", "pulsars", "meteors", "eclipses")


def many_examples(server: Server, names: dict[str, str]) -> None:
    texts = {
        "gardening": [f"How do I water and prune {plant} in the garden?" for plant in PLANTS],
        "astronomy": [f"What can a telescope show of {sky} in the night sky?" for sky in SKIES],
    }
    with server.http() as http:
        for domain, questions in texts.items():
            body = {"examples": [{"text": question} for question in questions]}
            assert http.post(f"/admin/experts/{names[domain]}/examples", json=body).json()["added"] == 10


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Domains]:
    """A platform with two experts of ten examples each and more, of which a gate was trained."""
    with serving(make_settings(tmp_path_factory.mktemp("school"))) as server:
        names = {domain: register(server, tenant=None, domain=domain) for domain in ("gardening", "astronomy")}
        many_examples(server, names)
        yield Domains(server, "default", server.key("app"), server.key("admin"), names)


def test_training_promoting_and_rolling_back(school: Domains) -> None:
    imprinted = school.server.platform.keeper.current.version
    with school.server.http() as http:
        started = http.post("/admin/gates", json={})
        assert (started.status_code, started.json()["state"]) == (202, "training")
        again = http.post("/admin/gates", json={})
        assert (again.status_code, again.json()["code"]) == (409, "training_runs")
        assert school.ask(ASKED["astronomy"]).json()["model"] == school.names["astronomy"]  # while it trains
        trained = http.get(f"/admin/gates/{started.json()['id']}").json()
        for _ in range(300):
            if trained["state"] != "training":
                break
            threading.Event().wait(0.2)
            trained = http.get(f"/admin/gates/{started.json()['id']}").json()
        assert (trained["state"], trained["origin"]) == ("candidate", "trained"), trained["reason"]
        assert school.server.platform.keeper.current.version == imprinted  # nobody promoted it
        promoted = http.post(f"/admin/gates/{trained['version']}/promote")
        assert (promoted.status_code, promoted.json()["state"]) == (200, "active")
        assert promoted.json()["version"] == school.server.platform.keeper.current.version == trained["version"]
        answer = school.ask(ASKED["gardening"])
        assert answer.json()["model"] == school.names["gardening"]
        assert answer.headers["x-doyen-gate-version"] == trained["version"]
        assert school.ask(OUTSIDE).json()["routing"]["abstained"] is True
        back = http.post("/admin/gates/rollback")
        assert (back.status_code, back.json()["version"]) == (200, imprinted)
        assert school.ask(ASKED["gardening"]).headers["x-doyen-gate-version"] == imprinted
        gates = http.get("/admin/gates?limit=100").json()["data"]
        assert [gate["state"] for gate in gates].count("active") == 1
        assert [g["version"] for g in http.get("/admin/gates?state=active").json()["data"]] == [imprinted]


def test_a_trained_gate_learns_an_expert_that_came_later(school: Domains) -> None:
    with school.server.http() as http:
        trained = http.post("/admin/gates", json={"promote": True}, params={"wait_seconds": 120}).json()
        assert trained["state"] == "active", trained["reason"]
        later = register(school.server, tenant=None, domain="cooking")
        assert school.ask("How long must a sourdough bread rise?").json()["model"] == later
        completed = http.post(f"/admin/gates/{trained['version']}/promote").json()
        assert (completed["state"], completed["origin"]) == ("active", "completed")
        assert later in completed["card"]["experts"]
        assert school.ask("How long must a sourdough bread rise?").json()["model"] == later
        assert http.delete(f"/admin/experts/{later}").status_code == 204
        assert later not in http.get("/admin/gates?state=active").json()["data"][0]["card"]["experts"]


def test_gates_page_and_unknown_ones_are_404(school: Domains) -> None:
    with school.server.http() as http:
        whole = [gate["id"] for gate in http.get("/admin/gates?limit=100").json()["data"]]
        first = http.get("/admin/gates?limit=1").json()
        second = http.get("/admin/gates", params={"limit": 1, "after": first["last_id"]}).json()
        assert [first["data"][0]["id"], second["data"][0]["id"]] == whole[:2]
        assert http.post(f"/admin/gates/{'0' * 64}/promote").status_code == 404
        assert http.get("/admin/gates/00000000-0000-0000-0000-000000000000").status_code == 404
        for wrong in ("..", "%2e%2e", "latest", "a%00"):
            assert http.post(f"/admin/gates/{wrong}/promote").status_code in (404, 422)
        assert http.post("/admin/gates", json={"promote": "soon"}).status_code == 422


def test_training_needs_two_experts_with_examples(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as server, server.http() as http:
        refused = http.post("/admin/gates", json={})
        assert (refused.status_code, refused.json()["code"]) == (400, "too_few_examples")
        assert http.post("/admin/gates/rollback").status_code == 409
        body = {"name": "one", "description": "one", "kind": "echo", "examples": [{"text": "about one"}]}
        assert http.post("/admin/experts", json=body).status_code == 201
        refused = http.post("/admin/gates", json={})
        assert (refused.status_code, refused.json()["code"]) == (400, "too_few_examples")
        assert http.get("/admin/gates?state=training").json()["data"] == []


def test_a_damaged_artifact_gives_way_to_the_last_good_one(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    with serving(settings) as server:
        names = {domain: register(server, tenant=None, domain=domain) for domain in DOMAINS}
        damaged = server.platform.keeper.current.version
    for file in (tmp_path / "gates" / damaged).iterdir():
        if file.suffix == ".safetensors":
            file.write_bytes(file.read_bytes()[:-8] + b"\xff" * 8)
    with serving(settings) as server:
        own = Domains(server, "default", server.key("app"), server.key("admin"), names)
        for domain, question in ASKED.items():
            assert own.ask(question).json()["model"] == names[domain]
        with server.http() as http:
            states = [g["state"] for g in http.get("/admin/gates?limit=100").json()["data"]]
            assert "failed" in states, "the artifact was not damaged"
            assert states.count("active") == 1
            # Nothing was trained here: every version before is a part of the present one.
            assert http.post("/admin/gates/rollback").status_code == 409
    with serving(settings) as server, server.http(own.app) as http:
        body = {"model": "auto", "messages": [{"role": "user", "content": ASKED["cooking"]}]}
        assert http.post("/v1/chat/completions", json=body).json()["model"] == names["cooking"]


def test_a_version_under_anothers_name_is_refused(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as server:
        register(server, tenant=None, domain="cooking")
        keeper, other = server.platform.keeper, "0" * 64
        shutil.copytree(tmp_path / "gates" / keeper.current.version, tmp_path / "gates" / other)
        with pytest.raises(GateArtifactInvalid, match=f"it holds the version {keeper.current.version[:12]}"):
            keeper.gate(other)


def test_a_rollback_passes_over_what_was_hot_added_since(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as server, server.http() as http:
        for domain in DOMAINS:
            register(server, tenant=None, domain=domain)
        wait = {"wait_seconds": 120}
        first = http.post("/admin/gates", json={"promote": True}, params=wait).json()
        assert first["state"] == "active", first["reason"]
        http.post("/admin/experts", json={"name": "late", "description": "Chess openings.", "kind": "echo"})
        assert (
            http.post("/admin/experts/late/examples", json={"examples": [{"text": "the Sicilian"}]}).status_code == 201
        )
        second = http.post("/admin/gates", json={"promote": True}, params=wait).json()
        assert second["state"] == "active", second["reason"]
        http.post("/admin/experts", json={"name": "later", "description": "Sailing boats.", "kind": "echo"})

        def origins() -> dict[str, str]:
            card = http.get("/admin/gates?state=active").json()["data"][0]["card"]
            return {name: facts["origin"] for name, facts in card["experts"].items()}

        assert (origins()["late"], origins()["later"]) == ("trained", "imprinted")
        assert http.post("/admin/gates/rollback").status_code == 200
        assert (origins()["late"], origins()["later"]) == ("imprinted", "imprinted")
        assert http.get(f"/admin/gates/{second['id']}").json()["state"] == "candidate"
        assert http.post("/admin/gates/rollback").status_code == 200
        assert set(origins().values()) == {"imprinted"}
        assert http.post("/admin/gates/rollback").status_code == 409
        assert http.post(f"/admin/gates/{second['version']}/promote").status_code == 200
        assert origins()["late"] == "trained"


def test_what_does_not_concern_the_gate_leaves_it_as_it_is(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as server, server.http() as http:
        names = {domain: register(server, tenant=None, domain=domain) for domain in DOMAINS}
        name, keeper = names["gardening"], server.platform.keeper
        before = keeper.current.version
        for change in ({"price": {"request_usd": 1.0}}, {"region": "eu"}, {"title": "Gardens"}):
            assert http.patch(f"/admin/experts/{name}", json=change).json()["state"] == "active"
        assert http.post(f"/admin/experts/{name}/pause").status_code == 200
        assert http.post(f"/admin/experts/{name}/resume").json()["state"] == "active"
        assert keeper.current.version == before
        for path, more in (
            ("examples", {"examples": [{"text": "Which soil do carrots like?"}]}),
            ("documents", {"documents": [{"title": "Carrots", "text": "Carrots like sandy soil without stones."}]}),
        ):
            assert http.post(f"/admin/experts/{name}/{path}", json=more).status_code in (200, 201, 202)
            assert keeper.current.version != before, path
            before = keeper.current.version
        assert http.patch(f"/admin/experts/{name}", json={"description": "Vegetables alone."}).status_code == 200
        assert keeper.current.version != before


def test_an_expert_with_documents_and_no_example_keeps_nobody_from_training(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as server:
        names = {domain: register(server, tenant=None, domain=domain) for domain in ("gardening", "astronomy")}
        many_examples(server, names)
        silent = register(server, tenant=None, domain="cooking")
        with server.platform.database.write() as session:
            row = find_expert(session, silent)
            assert row is not None
            session.execute(delete(ExampleRow).where(ExampleRow.expert_id == row.id))
        with server.http() as http:
            trained = http.post("/admin/gates", json={"promote": True}, params={"wait_seconds": 60}).json()
        # What decides is the trained one completed by the silent one, which took its place at once.
        assert (trained["state"], trained["reason"]) == ("retired", None)
        experts = server.platform.keeper.current.card.experts
        assert (experts[silent].origin, experts[names["gardening"]].origin) == ("imprinted", "trained")
        assert experts[silent].passages > 0
