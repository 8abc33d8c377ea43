from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from doyen_experts.store.units import units
from doyen_experts.store.words import words


def shown(text: str) -> list[tuple[str, str]]:
    return [(unit.form, text[unit.start : unit.end]) for unit in units(text)]


def test_sentences_items_headings_and_code_are_told_apart() -> None:
    text = (
        "# Title\nFirst one, e.g. this. Second `x.y` here!\n\n- an item\n- another\n\n    code()\n    more()\n\n"
        "```py\na. B\n\nc\n```\nLast"
    )
    assert shown(text) == [
        ("heading", "# Title"),
        ("prose", "First one, e.g. this."),
        ("prose", "Second `x.y` here!"),
        ("prose", "- an item"),
        ("prose", "- another"),
        ("code", "    code()\n    more()"),
        ("code", "```py\na. B\n\nc\n```"),
        ("prose", "Last"),
    ]


@settings(max_examples=200, deadline=None)
@given(st.text("aB .!?\n`#->ü🎉\t", max_size=120))
def test_units_are_in_order_apart_and_leave_no_letter_out(text: str) -> None:
    found = units(text)
    end = 0
    for unit in found:
        assert unit.start >= end
        assert unit.end > unit.start
        assert not any(character.isalnum() for character in text[end : unit.start])
        end = unit.end
    assert not any(character.isalnum() for character in text[end:])


def test_identifiers_count_whole_and_by_their_parts() -> None:
    assert words("Use back_populates!") == ["use", "back_populate", "back", "populate"]
    assert words("CWE-78") == ["cwe-78", "cwe", "78"]
    assert "indexflatip" in words("IndexFlatIP")
    assert "flat" in words("IndexFlatIP")
    assert words("What is C++?") == ["c++", "c"]
    assert words("tables queries class") == ["table", "query", "class"]
