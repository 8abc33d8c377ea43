"""`doyen encoder`, as a person or a program calls it."""

import json

import pytest
from typer.testing import CliRunner

from doyen_platform.cli.encoder import app

runner = CliRunner()


def test_export_then_show_tells_what_is_cut(small_folder, tmp_path):
    output = tmp_path / "encoder"
    exported = runner.invoke(app, ["export", str(small_folder), "--output", str(output), "--json"])
    assert exported.exit_code == 0, exported.output
    card = json.loads(exported.stdout)
    assert card["parity"]["min_cosine"] >= 0.99
    assert card["directory"] == str(output)
    shown = runner.invoke(app, ["show", "refund", "word " * 100, "--encoder", str(output), "--json"])
    report = json.loads(shown.stdout)
    assert report["identity"] == card["identity"]
    assert [row["truncated"] for row in report["texts"]] == [False, True]
    assert report["texts"][1]["tokens"] > report["max_tokens"] == 48


def test_show_without_a_folder_is_the_packaged_encoder():
    shown = runner.invoke(app, ["show", "word " * 300, "--json"])
    report = json.loads(shown.stdout)
    assert (report["dimensions"], report["max_tokens"], report["card"]) == (384, 256, None)
    assert report["texts"][0]["truncated"] is True


def test_no_int8_writes_fp32(small_folder, tmp_path):
    args = ["export", str(small_folder), "--output", str(tmp_path / "encoder"), "--no-int8", "--json"]
    assert json.loads(runner.invoke(app, args).stdout)["precision"] == "fp32"


def test_a_fallback_to_fp32_is_said(small_folder, tmp_path):
    args = ["export", str(small_folder), "--output", str(tmp_path / "encoder"), "--min-cosine", "0.99999"]
    exported = runner.invoke(app, args)
    assert exported.exit_code == 0
    assert "written in fp32" in exported.stderr


def test_a_missed_bar_fails(small_folder, tmp_path):
    args = ["export", str(small_folder), "--output", str(tmp_path / "encoder"), "--int8", "--min-cosine", "0.99999"]
    refused = runner.invoke(app, args)
    assert refused.exit_code == 2
    assert "0.99999" in refused.stderr
    assert not (tmp_path / "encoder").exists()


def test_tune_says_whether_the_outcome_is_recommended(small_folder, tmp_path):
    lines = [
        json.dumps({"q": f"{verb} the {word} please", "team": team})
        for team, words in {"post": ["parcel", "letter", "stamp"], "kitchen": ["dough", "flour", "oven"]}.items()
        for word in words
        for verb in ["find", "bring", "lose", "buy", "sell", "watch"]
    ]
    (tmp_path / "examples.jsonl").write_text("\n".join(lines))
    args = ["tune", str(tmp_path / "examples.jsonl"), "--output", str(tmp_path / "tuned"), "--base", str(small_folder)]
    args += ["--text-field", "q", "--label-field", "team", "--epochs", "1", "--min-cosine", "0.98", "--json"]
    tuned = runner.invoke(app, args)
    assert tuned.exit_code == 0, tuned.output
    card = json.loads(tuned.stdout)
    assert card["recommended"] is card["tuning"]["recommended"]
    assert "epoch 1: loss" in tuned.stderr


@pytest.mark.parametrize("command", ["export", "tune", "show"])
def test_help_has_an_example(command):
    assert "Example: doyen encoder" in runner.invoke(app, [command, "--help"]).stdout
