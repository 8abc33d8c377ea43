"""`make bench-gate` on a folder of a few texts: it measures what it says, and survives a rival that is not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
WAYS = ("how do I", "can you", "please", "I want to", "help me to", "is it possible to")
INTENTS = {
    "banking": {"transfer": "transfer money to my savings", "card": "block my stolen credit card"},
    "cooking": {"recipe": "cook a soup of tomatoes", "time": "boil an egg until it is soft"},
    "travel": {"flight": "book a flight to Rome", "visa": "apply for a visa to Canada"},
    "music": {"play": "play the next song on the list", "volume": "turn the volume of the radio down"},
}
OUTSIDE = ("who painted the ceiling of the chapel", "what is the square root of nine", "define photosynthesis")
ENDINGS = ("", " today", " for my friend", " as soon as it can be done")


def write(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def rows_of(endings: tuple[str, ...]) -> list[dict[str, str]]:
    return [
        {"text": f"{way} {what}{ending}", "intent": intent, "domain": domain}
        for domain, intents in INTENTS.items()
        for intent, what in intents.items()
        for way in WAYS
        for ending in endings
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the benchmark wants it; what is tested on is not trained on."""
    folder = tmp_path_factory.mktemp("data")
    train, test = rows_of(ENDINGS[:2]), rows_of(ENDINGS[2:3])
    write(folder / "clinc150" / "train.jsonl", train)
    write(folder / "clinc150" / "val.jsonl", test)
    write(folder / "clinc150" / "oos_val.jsonl", [{"text": text, "intent": "oos"} for text in OUTSIDE])
    for name, rows in (("train", train), ("dev", test)):
        write(folder / "banking77" / f"{name}.jsonl", [{"text": row["text"], "intent": row["intent"]} for row in rows])
    return folder


def bench(*arguments: str, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gate", "--quick", "--processes", "1", *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


@pytest.fixture(scope="module")
def figures(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run of all but the other benchmarks; no package can be had."""
    cache = tmp_path_factory.mktemp("cache")
    no_packages = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    skipped = ("quality", "conversations", "evidence")
    return bench("--data", str(data), "--cache", str(cache), "--skip", *skipped, **no_packages)


def row(figures: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in figures["rows"] if row["name"] == name)
    return found


def test_every_row_of_the_table_is_there_and_says_whether_its_goal_holds(figures: dict[str, Any]) -> None:
    with_goal = {one["name"]: one for one in figures["rows"] if one["goal"] is not None}
    assert set(with_goal) == {
        "CLINC150, ten domains: accuracy",
        "CLINC150, ten domains: out-of-scope AUROC",
        "CLINC150, ten domains: out-of-scope FPR95",
        "CLINC150, ten domains: ECE",
        "CLINC150, 150 intents: accuracy",
        "CLINC150, 150 intents: out-of-scope AUROC",
        "CLINC150, 150 intents: ECE",
        "BANKING77: accuracy",
        "BANKING77: ECE",
        "hot add from 10: recall",
        "hot add from 10: loss of the others, points",
        "hot add from 50: recall",
        "hot add from 50: loss of the others, points",
        "decide, 100 experts x 896, p50, us",
        "encode and decide, ratio to the bare inference",
        "8 callers: decisions/s, ratio to semantic-router",
    }
    for name, one in with_goal.items():
        relation, goal = one["goal"].split()
        reached = None
        if one["ours"] is not None:
            reached = one["ours"] >= float(goal) if relation == ">=" else one["ours"] <= float(goal)
        assert one["holds"] is reached, name


def test_a_figure_of_quality_stands_beside_its_baseline_of_the_same_run(figures: dict[str, Any]) -> None:
    accuracy = row(figures, "CLINC150, ten domains: accuracy")
    assert 0.8 < accuracy["ours"] <= 1
    assert 0.5 < accuracy["baselines"]["logistic regression"] <= 1
    recall = row(figures, "hot add from 10: recall")
    assert set(recall["baselines"]) == {"regression refitted", "one mean a domain"}
    assert 0 < recall["ours"] <= 1


def test_the_ablations_show_each_head_and_the_floors_without_a_gate(figures: dict[str, Any]) -> None:
    shares = {name: of_name["accuracy"] for name, of_name in figures["ablations"].items()}
    assert set(shares) == {
        "linear", "linear_without_words", "mlp", "prototype", "knn", "fixed", "random", "hash",
    }  # fmt: skip
    assert shares["fixed"] == pytest.approx(1 / len(INTENTS))
    assert shares["linear"] > max(shares["random"], shares["hash"])


def test_a_rival_that_cannot_be_installed_leaves_its_row_open_and_says_why(figures: dict[str, Any]) -> None:
    ratio = row(figures, "8 callers: decisions/s, ratio to semantic-router")
    assert ratio["ours"] is None
    assert ratio["holds"] is None
    assert "semantic-router==1.1.1 could not be installed" in ratio["note"]
    assert row(figures, "8 callers: decisions/s")["ours"] > 0


def test_a_benchmark_that_fails_is_told_and_loses_nothing_else(data: Path) -> None:
    """The folder has no MMLU."""
    skipped = ("training", "ablations", "hot_add", "speed", "throughput", "conversations", "evidence")
    figures = bench("--data", str(data), "--skip", *skipped)
    assert "mmlu_routing" in figures["quality"]["error"]
    assert figures["machine"]["cores"] == os.cpu_count()
