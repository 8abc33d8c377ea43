"""`doyen quality` from files to files, as other checks call it."""

import json

import pytest
from typer.testing import CliRunner

from doyen_platform.cli.quality import app

EASY = ["what is two and two", "name a colour", "is water wet", "say hello", "spell cat", "how many legs has a dog"]
HARD = [
    "prove the prime number theorem", "derive the Navier-Stokes equations", "classify finite simple groups",
    "solve the integral of exp(-x^2)", "prove Fermat's last theorem", "compute the zeta function's zeros",
]  # fmt: skip


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def scored(field="text"):
    costs = {"small": 0.001, "large": 0.03}
    easy = [{field: text, "scores": {"small": 1, "large": 1}, "costs_usd": costs} for text in EASY]
    return easy + [{field: text, "scores": {"small": 0, "large": True}, "costs_usd": costs} for text in HARD]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quality")
    path = lines(folder / "rows.jsonl", scored("q"))
    code, out, err = run("fit", path, "--output", folder / "model", "--text-field", "q", "--json")
    assert code == 0, err
    printed = json.loads(out)
    assert printed["experts"]["large"]["mean_score"] == 1
    assert printed["experts"]["small"]["prices"]["base_usd"] == pytest.approx(0.001)
    return folder


def test_evaluate_prints_one_object(folder):
    code, out, err = run("evaluate", folder / "model", folder / "rows.jsonl", "--text-field", "q", "--json")
    assert code == 0, err
    report = json.loads(out)
    assert set(report["routers"]) == {"model", "random", "best_single", "zero", "oracle"}
    assert report["count"] == 12
    assert report["experts"]["small"] == {"cost_usd": pytest.approx(0.001), "quality": 0.5}
    # These are its own training rows: it must at least have learnt them.
    assert report["pair"]["apgr"] == pytest.approx(0.75)
    code, out, _ = run("evaluate", folder / "model", folder / "rows.jsonl", "--text-field", "q")
    assert code == 0
    assert "oracle" in out
    assert "apgr" in out


def test_lambda_moves_the_choice_from_the_best_to_the_cheapest(folder):
    texts = {"0": "large", "1000": "small"}
    for price, expected in texts.items():
        code, out, err = run("decide", folder / "model", HARD[0], "--lambda", price, "--json")
        assert code == 0, err
        choice = json.loads(out)
        assert choice["expert"] == expected
        assert {of["expert"] for of in choice["appraisals"]} == {"small", "large"}
        of = choice["appraisals"][0]
        assert of["value"] == pytest.approx(of["quality"] - float(price) * of["cost_usd"])
    code, out, _ = run("decide", folder / "model", "name a tree")
    assert code == 0
    assert "expected quality" in out


def test_an_expert_joins_and_leaves(folder, tmp_path):
    newcomer = [{"text": text, "scores": {"free": 1}, "costs_usd": {"free": 0}} for text in HARD]
    code, out, err = run(
        "add",
        folder / "model",
        "free",
        lines(tmp_path / "new.jsonl", newcomer),
        "--output",
        tmp_path / "grown",
        "--json",
    )
    assert code == 0, err
    assert json.loads(out)["experts"]["free"]["origin"] == "added"
    code, out, _ = run("decide", tmp_path / "grown", HARD[1], "--lambda", "1000", "--json")
    assert json.loads(out)["expert"] == "free"
    code, out, _ = run("remove", tmp_path / "grown", "free", "--output", tmp_path / "smaller")
    assert code == 0
    assert "large" in out
    assert "free" not in out


def test_mistakes_are_one_clear_line_and_exit_code_2(folder, tmp_path):
    alone = lines(tmp_path / "alone.jsonl", [{"text": "x", "scores": {"small": 1}, "costs_usd": {"small": 0}}])
    for arguments, reason in (
        (("fit", alone, "--output", tmp_path / "x"), "'small'"),
        (("fit", tmp_path / "none.jsonl", "--output", tmp_path / "x"), "none.jsonl"),
        (("evaluate", folder / "model", alone), "large"),
        (("evaluate", tmp_path, alone), "manifest.json"),
        (("decide", folder / "model", "x", "--lambda", "-1"), "lambda"),
        (("add", folder / "model", "small", alone, "--output", tmp_path / "x"), "small"),
        (("remove", folder / "model", "nobody", "--output", tmp_path / "x"), "nobody"),
    ):
        code, out, err = run(*arguments)
        assert code == 2, arguments
        assert out == ""
        assert reason in err
        assert len([line for line in err.splitlines() if line.startswith("doyen:")]) == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("command", ["fit", "evaluate", "add", "remove", "decide"])
def test_help_shows_an_example(command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "doyen quality" in out
