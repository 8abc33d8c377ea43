"""The demo's corpora, built as the server builds them: in a child process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import doyen_platform
from doyen_platform.demo.corpora import build, debian

EXPERTS = {"python", "sqlalchemy", "fastapi", "celery", "numpy", "security", "medicine", "chemistry"}
ROOTS = [str(Path(doyen_platform.__file__).parents[1])]


def run(output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "doyen_platform.demo.corpora", str(output), *options],
        check=True,
        capture_output=True,
        text=True,
        timeout=150,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*ROOTS, os.environ.get("PYTHONPATH", "")]),
            "PYTHONHASHSEED": "random",
        },
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, float]:
    output = tmp_path_factory.mktemp("corpora")
    started = time.monotonic()
    finished = run(output)
    return output, finished.stderr, time.monotonic() - started


@pytest.fixture(scope="module")
def documents(built: tuple[Path, str, float]) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for path in sorted(built[0].glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        out[path.stem] = {line["id"]: line for line in lines}
        assert len(out[path.stem]) == len(lines), "ids are unique"
    return out


def test_every_expert_is_there_with_its_card(built: tuple[Path, str, float], documents: dict[str, Any]) -> None:
    cards = {card["name"]: card for card in json.loads((built[0] / "experts.json").read_text())["experts"]}
    assert set(cards) == set(documents) == EXPERTS
    for name, card in cards.items():
        assert card["documents"] == len(documents[name])
        assert card["title"]
        assert len(card["description"]) > 60
        assert card["licence"]
        assert re.search(r"\d+\.\d+", card["origin"])
        assert f"{name}: " in built[1]


def test_it_takes_seconds_and_leaves_nothing_else(built: tuple[Path, str, float]) -> None:
    assert built[2] < 40
    assert {path.name for path in built[0].iterdir()} == {"experts.json", *(f"{name}.jsonl" for name in EXPERTS)}


def test_documents_say_something_and_name_their_source(documents: dict[str, Any]) -> None:
    for expert, by_id in documents.items():
        for key, document in by_id.items():
            assert len(document["text"]) >= 60, (expert, key)
            assert len(document["text"]) <= 2600, (expert, key)
            assert document["title"], (expert, key)
            assert document["summary"], (expert, key)
            assert re.match(r"https://|[a-z0-9-]+:\S", document["source"]), (expert, key)
            assert document["names"], (expert, key)


def test_the_budget_is_held(built: tuple[Path, str, float]) -> None:
    cards = json.loads((built[0] / "experts.json").read_text())["experts"]
    assert sum(card["chunks"] for card in cards) <= 3000
    for card in cards:
        assert 150 <= card["documents"] <= 620, card["name"]
        assert card["chunks"] <= 620, card["name"]


@pytest.mark.parametrize(
    ("expert", "key", "words"),
    [
        ("sqlalchemy", "sqlalchemy.orm.relationship", ["back_populates", "two mapped classes"]),
        ("sqlalchemy", "sqlalchemy.create_engine", ["Engine"]),
        ("celery", "celery.app.task.Task.retry", ["countdown", "max_retries"]),
        ("fastapi", "fastapi.Depends", ["dependency"]),
        ("fastapi", "fastapi.HTTPException", ["status_code"]),
        ("numpy", "sklearn.preprocessing.StandardScaler", ["unit variance"]),
        ("numpy", "sklearn.model_selection.train_test_split", ["test"]),
        ("python", "builtins.open", ["file"]),
        ("security", "CWE-78", ["OS Command Injection", "Shell injection", "Mitigations"]),
        ("medicine", "icd-E11", ["Type 2 diabetes mellitus", "E11.2", "kidney complications"]),
        ("medicine", "icd-I10", ["hypertension"]),
        ("chemistry", "element-Hg", ["boiling point of Mercury is 629.8 K (356.6 °C)", "thermometers"]),
    ],
)
def test_what_people_ask_about_is_there(documents: dict[str, Any], expert: str, key: str, words: list[str]) -> None:
    text = documents[expert][key]["title"] + documents[expert][key]["text"]
    for word in words:
        assert word in text


def test_a_long_docstring_keeps_its_parameters(documents: dict[str, Any]) -> None:
    parts = [
        " ".join(one["text"].replace("-", " ").split())
        for key, one in documents["sqlalchemy"].items()
        if key.startswith("sqlalchemy.orm.relationship#")
    ]
    assert any("`uselist`:" in part and "one to many" in part for part in parts)
    assert any("`back_populates`:" in part for part in parts)


def test_no_markup_of_documentation_builders_is_left(documents: dict[str, Any]) -> None:
    role = re.compile(
        r":(?:class|func|meth|attr|ref|mod|paramref|term|doc|data|exc|obj):`|^\s*\.\. (?:versionadded|seealso|note)::",
        re.M,
    )
    for by_id in documents.values():
        for key, document in by_id.items():
            assert not role.search(document["text"]), (key, role.search(document["text"]))
            assert not re.search(r"0x[0-9a-f]{8,}", document["text"].split("\n")[0]), key


def test_every_document_has_questions_of_its_own(documents: dict[str, Any]) -> None:
    few = 0
    for by_id in documents.values():
        for key, document in by_id.items():
            asked = document["questions"]
            assert 2 <= len(asked) <= 8, (key, asked)
            assert len(set(asked)) == len(asked)
            assert all(3 < len(one) <= 300 for one in asked), (key, asked)
            few += len(asked) < 3
    assert few < 0.02 * sum(map(len, documents.values()))


@pytest.mark.timeout(170)
def test_two_builds_are_equal(built: tuple[Path, str, float], tmp_path: Path) -> None:
    run(tmp_path)
    for path in built[0].iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_a_missing_package_costs_only_its_own_expert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise ModuleNotFoundError("No module named 'cwe2'", name="cwe2")

    said: list[str] = []
    kept = {name: make for name, make in build.makers().items() if name == "chemistry"}
    monkeypatch.setattr(build, "makers", lambda: {"security": missing, **kept})
    assert build.write(tmp_path, report=said.append) == ["chemistry"]
    assert any("cwe2" in line and "doyen[demo]" in line for line in said)
    assert not (tmp_path / "security.jsonl").exists()


@pytest.mark.parametrize("package", ["cwe2", "simple_icd_10_cm", "mendeleev"])
def test_the_real_makers_notice_a_missing_package(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import util

    maker = {"cwe2": "security", "simple_icd_10_cm": "medicine", "mendeleev": "chemistry"}[package]
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(
        "doyen_platform.demo.corpora.elements.find_spec", lambda name: None if name == package else util.find_spec(name)
    )
    with pytest.raises(ModuleNotFoundError):
        build.makers()[maker]()


def test_debian_pages_become_corpora_and_the_rest_is_said(tmp_path: Path) -> None:
    page = tmp_path / "usr/share/doc/postgresql-doc-15/html/sql-vacuum.html"
    page.parent.mkdir(parents=True)
    words = "<p>VACUUM reclaims storage occupied by dead tuples. In normal operation, deleted tuples stay.</p>"
    chrome = "<div class='navheader'>Prev Up</div>"
    page.write_text(f"<html><title>VACUUM</title><body>{chrome}<h1>VACUUM</h1>{words * 3}</body></html>")
    said: list[str] = []
    [corpus] = debian.corpora(root=tmp_path, report=said.append)
    assert corpus.name == "postgresql"
    assert corpus.documents[0].title == "VACUUM"
    assert corpus.documents[0].text.startswith("VACUUM reclaims storage")
    assert "Prev" not in corpus.documents[0].text
    assert "git-doc" in said[0]
    assert "postgresql-doc-15" not in said[0]


def test_nothing_of_debian_found_names_the_packages(tmp_path: Path) -> None:
    said: list[str] = []
    assert list(debian.corpora(root=tmp_path, report=said.append)) == []
    assert "apt-get install" in said[0]
    assert "manpages" in said[0]
