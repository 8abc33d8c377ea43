"""The demo's way into a running platform: what is done is done once, what was interrupted goes on."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Server, make_settings, serving, until

from doyen_platform.demo.installation import DemoInstallation

TOPICS = {
    "gardening": ["tomatoes", "roses", "compost", "pruning", "watering", "slugs", "seedlings", "mulch"],
    "sailing": ["anchors", "mainsails", "tacking", "moorings", "rudders", "knots", "buoys", "spinnakers"],
}


def write_corpora(directory: Path) -> None:
    """As `python -m doyen_platform.demo.corpora` writes them, only small."""
    directory.mkdir(parents=True)
    for name, topics in TOPICS.items():
        rows = [
            {
                "title": topic.title(),
                "text": f"{topic.title()} in {name}: what everybody should know about {topic} when {name}.",
                "source": f"https://example.org/{name}/{topic}",
                "questions": [f"What should I know about {topic}?", f"{topic} in {name}", f"How do {topic} work?"],
            }
            for topic in topics
        ]
        (directory / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cards = [{"name": name, "title": name.title(), "description": f"All about {name}."} for name in TOPICS]
    (directory / "experts.json").write_text(json.dumps({"experts": cards}))


def install(server: Server) -> list[str]:
    told: list[str] = []
    installation = DemoInstallation(server.platform, tell=told.append)
    installation.start()
    until(lambda: not installation.is_running(), seconds=60)
    return told


def test_experts_documents_and_gate_are_installed_once(tmp_path: Path) -> None:
    write_corpora(tmp_path / "demo")
    settings = make_settings(tmp_path)
    with serving(settings) as server:
        told = install(server)
        assert any("held-out accuracy" in line for line in told), told
        assert told[-1].startswith("demo: ready"), told
        answer = server.openai().chat.completions.create(
            model="auto", messages=[{"role": "user", "content": "What should I know about anchors?"}]
        )
        assert answer.model == "sailing"
        assert "example.org/sailing/anchors" in (answer.choices[0].message.content or "")
        gate = server.platform.keeper.current
        assert {facts.origin for facts in gate.card.experts.values()} == {"trained"}
        assert install(server) == []
        assert server.platform.keeper.current.version == gate.version
    with serving(settings) as server:
        assert install(server) == []


def test_a_stop_leaves_what_the_next_start_finishes(tmp_path: Path) -> None:
    write_corpora(tmp_path / "demo")
    settings = make_settings(tmp_path)
    with serving(settings) as server:
        installation = DemoInstallation(server.platform, tell=lambda line: None)
        installation.start()
        installation.stop()
        assert not installation.is_running()
    with serving(settings) as server:
        install(server)
        until(lambda: server.platform.experts.states() == ["active", "active"], seconds=60)
        until(lambda: server.platform.keeper.current.card.experts["sailing"].origin == "trained", seconds=60)
