"""Documents as text: taken whole or not at all, found at once, and never cited after they were removed."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from tests.conftest import Server
from tests.platform.conftest import Json

Library = tuple[str, str]


@pytest.fixture
def library(server: Server) -> Callable[[], Library]:
    """Makes an empty retrieval expert in a tenant of its own: (name, app key)."""

    def make() -> Library:
        tenant = server.tenant()
        return server.expert(tenant=tenant, description="Lighthouses."), server.key("app", tenant=tenant)

    return make


def ask(server: Server, library: Library, question: str) -> Json:
    with server.http(library[1]) as http:
        body = {"model": library[0], "messages": [{"role": "user", "content": question}]}
        answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def page(number: int) -> Json:
    return {"title": f"Lighthouse {number}", "text": f"The lighthouse number {number} is {number} metres tall."}


def test_an_expert_without_documents_says_that_it_found_nothing(server: Server, library: Callable[[], Library]) -> None:
    body = ask(server, library(), "How tall is the lighthouse?")
    assert body["citations"] == []
    assert "found nothing" in body["choices"][0]["message"]["content"]


def test_added_documents_are_cited_and_removed_ones_never_again(server: Server, library: Callable[[], Library]) -> None:
    made = library()
    url = f"/admin/experts/{made[0]}/documents"
    documents = [
        {"title": "Kulm", "text": "The Kulm lighthouse is 41 metres tall.", "source": "https://example.com/kulm"},
        {"title": "Ferry times", "text": "The ferry to the island leaves at nine in the morning."},
    ]
    with server.http() as http:
        added = http.post(url, json={"documents": documents})
        assert (added.status_code, added.json()["known_already"]) == (201, 0)
        assert [row["state"] for row in added.json()["data"]] == ["indexed", "indexed"]
        kulm = added.json()["data"][0]["id"]
        cited = ask(server, made, "How tall is the Kulm lighthouse?")["citations"]
        assert [(one["document_id"], one["source"]) for one in cited] == [(kulm, "https://example.com/kulm")]
        assert cited[0]["quote"] == documents[0]["text"][cited[0]["start"] : cited[0]["end"]]
        again = http.post(url, json={"documents": [*documents, page(3)]})
        assert (again.json()["known_already"], len(again.json()["data"])) == (2, 1)
        assert http.delete(f"{url}/{kulm}").status_code == 204
        assert http.delete(f"{url}/{kulm}").status_code == 404
        after = ask(server, made, "How tall is the Kulm lighthouse?")
        assert "41" not in after["choices"][0]["message"]["content"]
        assert kulm not in [one["document_id"] for one in after["citations"]]
        assert kulm not in http.get(url).text


def test_pages_show_each_document_once(server: Server, library: Callable[[], Library]) -> None:
    name = library()[0]
    url = f"/admin/experts/{name}/documents"
    with server.http() as http:
        http.post(url, json={"documents": [page(number) for number in range(5)]})
        titles, after, pages = [], None, 0
        while True:
            told = http.get(url, params={"limit": 2} | ({"after": after} if after else {})).json()
            titles += [row["title"] for row in told["data"]]
            after, pages = told["last_id"], pages + 1
            if not told["has_more"]:
                break
        assert pages == 3
        assert sorted(titles) == [f"Lighthouse {number}" for number in range(5)]
        for limit in (0, 101, "x"):
            assert http.get(url, params={"limit": limit}).status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": "Empty", "text": ""},
        {"title": "Blank", "text": " \n\t "},
        {"title": "Nul", "text": "a\x00b"},
        {"title": "Nul\x00", "text": "x"},
        {"title": "Two\nlines", "text": "x"},
        {"title": "", "text": "x"},
        {"title": "Meta", "text": "x", "metadata": {"a": "b\x00"}},
        {"title": "Meta", "text": "x", "metadata": {"a": 10**30}},
        {"title": "Question", "text": "x", "questions": ["a\x00b"]},
        {"title": "Unknown", "text": "x", "colour": 1},
        "not a document",
    ],
)
def test_one_wrong_document_refuses_all(server: Server, domains_library: Library, wrong: object) -> None:
    url = f"/admin/experts/{domains_library[0]}/documents"
    with server.http() as http:
        answer = http.post(url, json={"documents": [page(1), wrong]})
        assert answer.status_code in (400, 422), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "documents" in answer.text
        assert http.get(url).json()["data"] == []


@pytest.fixture(scope="module")
def domains_library(server: Server) -> Library:
    return server.expert(tenant=server.tenant()), ""


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "-1e400"])
def test_numbers_that_are_none_are_refused_in_metadata(server: Server, domains_library: Library, number: str) -> None:
    url = f"/admin/experts/{domains_library[0]}/documents"
    raw = '{"documents": [{"title": "t", "text": "x", "metadata": {"a": [HERE]}}]}'.replace("HERE", number)
    with server.http() as http:
        answer = http.post(url, content=raw, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), answer.text
        assert http.get(url).json()["data"] == []


def test_documents_of_nobody_and_ids_of_nothing_are_404(server: Server, domains_library: Library) -> None:
    with server.http() as http:
        assert http.get("/admin/experts/nobody-here/documents").status_code == 404
        missing = http.delete(f"/admin/experts/{domains_library[0]}/documents/{uuid.uuid4()}")
        assert missing.status_code == 404
        assert http.delete(f"/admin/experts/{domains_library[0]}/documents/17").status_code == 422
