"""`doyen gate` from files to files, as other checks call it."""

import json

import pytest
from typer.testing import CliRunner

from doyen_platform.cli.gate import app

ROWS = {
    "money": ["transfer money to savings", "what is my balance", "block my credit card", "pay my electricity bill"],
    "food": ["how do I boil an egg", "recipe for tomato soup", "replace butter in a cake", "how do I knead dough"],
    "trips": ["book a flight to Rome", "find a hotel in Berlin", "do I need a visa", "my luggage got lost"],
}
GARDEN = ["when do I prune roses", "my lawn turns yellow", "soil for blueberries", "slugs eat my lettuce"]


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gates")
    examples = [{"q": text, "who": expert} for expert, texts in ROWS.items() for text in texts]
    path = lines(folder / "examples.jsonl", examples)
    code, out, err = run(
        "fit", path, "--output", folder / "gate", "--text-field", "q", "--label-field", "who", "--json"
    )
    assert code == 0, err
    assert json.loads(out)["metrics"]["held_out_count"] == 12
    return folder


def test_evaluate_prints_one_object_with_the_agreed_keys(folder):
    outside = lines(folder / "outside.jsonl", [{"q": "prime ideals of a ring"}, {"q": "zxcv qwpo"}])
    fields = ("--text-field", "q", "--label-field", "who")
    code, out, err = run(
        "evaluate", folder / "gate", folder / "examples.jsonl", "--outside", outside, *fields, "--json"
    )
    assert code == 0, err
    report = json.loads(out)
    assert list(report) == [
        "count", "accuracy", "macro_f1", "top3_accuracy", "ece", "coverage", "selective_accuracy", "per_expert",
        "outside", "decide_ms",
    ]  # fmt: skip
    assert set(report["outside"]) >= {"auroc", "fpr95", "aupr", "accepted"}
    assert set(report["decide_ms"]) == {"p50", "p99"}
    assert report["accuracy"] == 1.0
    code, out, _ = run("evaluate", folder / "gate", folder / "examples.jsonl", *fields)
    assert code == 0
    assert "selective_accuracy" in out


def test_add_decide_and_remove(folder, tmp_path):
    examples = lines(tmp_path / "garden.jsonl", [{"text": text} for text in GARDEN])
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "roses.md").write_text(
        "# Roses\n\nPrune roses in late winter. Water the roots, not the leaves."
    )
    grown = tmp_path / "grown"
    code, out, err = run(
        "add", folder / "gate", "garden", examples, "--output", grown, "--description", "Growing plants",
        "--documents", tmp_path / "docs", "--json",
    )  # fmt: skip
    assert code == 0, err
    assert {of["expert"] for of in json.loads(out)["confusions"]} == set(ROWS)
    code, out, _ = run("decide", grown, "how should I prune my roses in winter", "--json")
    assert json.loads(out)["experts"] == ["garden"]
    code, out, _ = run("remove", grown, "garden", "--output", tmp_path / "smaller", "--json")
    assert set(json.loads(out)["experts"]) == set(ROWS)
    code, out, _ = run("decide", tmp_path / "smaller", "how do I boil an egg")
    assert code == 0
    assert "food" in out


def test_mistakes_are_one_clear_line_and_exit_code_2(folder, tmp_path):
    stranger = lines(tmp_path / "stranger.jsonl", [{"text": "my stars", "expert": "astrology"}])
    for arguments, reason in (
        (("evaluate", folder / "gate", stranger, "--json"), "astrology"),
        (("evaluate", tmp_path, stranger), "manifest.json"),
        (("fit", tmp_path / "none.jsonl", "--output", tmp_path / "x"), "none.jsonl"),
        (("fit", stranger, "--output", tmp_path / "x", "--label-field", "domain"), "'domain'"),
        (("remove", folder / "gate", "nobody", "--output", tmp_path / "x"), "nobody"),
        (("add", folder / "gate", "food", stranger, "--output", tmp_path / "x"), "food"),
        (("add", folder / "gate", "new", stranger, "--output", tmp_path / "x", "--documents", tmp_path / "no"), "no"),
    ):
        code, out, err = run(*arguments)
        assert code == 2, arguments
        assert out == ""
        assert reason in err
        assert len([line for line in err.splitlines() if line.startswith("doyen:")]) == 1


@pytest.mark.parametrize("command", ["fit", "evaluate", "add", "remove", "decide"])
def test_help_shows_an_example(command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "doyen gate" in out
