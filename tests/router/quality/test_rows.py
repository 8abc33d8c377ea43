import json

import pytest

from doyen_router.quality.rows import RowsUnreadable, ScoredText, data_facts, read_rows


def file_of(tmp_path, *lines):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return path


def test_a_row_has_scores_costs_and_perhaps_a_group(tmp_path):
    path = file_of(
        tmp_path,
        {"q": "one\u2028line", "scores": {"a": True, "b": 0.5, "c": None}, "costs_usd": {"a": 0}, "topic": 7},
        "\n",
        {"q": "two", "scores": {"a": False}},
    )
    assert read_rows(path, text_field="q", group_field="topic") == [
        ScoredText("one\u2028line", {"a": 1.0, "b": 0.5}, {"a": 0.0}, "7"),
        ScoredText("two", {"a": 0.0}),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ([1], "not a JSON object"),
        ({"text": " ", "scores": {"a": 1}}, "'text'"),
        ({"text": "x"}, "'scores' names no expert"),
        ({"text": "x", "scores": [1]}, "must be an object"),
        ({"text": "x", "scores": {"a": 1.5}}, r"scores\['a'\] must be a number in \[0, 1\]"),
        ({"text": "x", "scores": {"a": "good"}}, "must be a number"),
        ('{"text": "x", "scores": {"a": NaN}}', "must be a number"),
        ({"text": "x", "scores": {"a": 1}, "costs_usd": {"a": -1}}, "zero or more"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path, line, reason):
    path = file_of(tmp_path, {"text": "fine", "scores": {"a": 1}}, line)
    with pytest.raises(RowsUnreadable, match=reason) as caught:
        read_rows(path)
    assert "rows.jsonl:2:" in str(caught.value)


def test_a_missing_or_empty_file_is_named(tmp_path):
    with pytest.raises(RowsUnreadable, match="cannot be read"):
        read_rows(tmp_path / "none.jsonl")
    with pytest.raises(RowsUnreadable, match="no rows"):
        read_rows(file_of(tmp_path, "\n"))


def test_the_facts_change_with_any_score_or_cost():
    row = ScoredText("x", {"a": 1.0}, {"a": 0.1})
    changed = [ScoredText("x", {"a": 0.0}, {"a": 0.1}), ScoredText("x", {"a": 1.0}, {"a": 0.2})]
    assert len({data_facts([of]).sha256 for of in (row, *changed)}) == 3
