"""What programs write into user turns leaves; what people write stays, markup and code too."""

from __future__ import annotations

import json
import time

import pytest

from doyen_router.conversation import human_text

ASK = "How do I cancel my hotel booking?"


@pytest.mark.parametrize(
    "turn",
    [
        "<system-reminder>\nThe list is empty.\n</system-reminder>\n{ask}",
        '<system-reminder data-role="context">x</system-reminder>{ask}<system-reminder>y</system-reminder>',
        "<environment_context>\n<cwd>/srv</cwd>\n</environment_context>\n\n{ask}",
        "# AGENTS.md instructions for /srv/app\n<INSTRUCTIONS>\nUse tabs.\n</INSTRUCTIONS>\n{ask}",
        "<task>\n{ask}\n</task>\n<environment_details>\nOpen tabs: a.ts\n</environment_details>",
        "<open_files>a.py</open_files> noise <user_query>\n{ask}\n</user_query> more noise",
        "<system-reminder>a <command-name>/x</command-name> b</system-reminder>{ask}",
        "<user_query>{ask}<system-reminder>hidden</system-reminder></user_query>",
        "<command-message>help</command-message><command-name>/help</command-name><command-args>{ask}</command-args>",
        "[Request interrupted by user for tool use]\n{ask}",
        "{ask}\n\nTool result for search:\nthree lines\nof output",
        '{ask}\n```json\n{{"tool_calls": [{{"name": "search", "arguments": "{{}}"}}]}}\n```',
        '[{{"type": "tool_result", "tool_use_id": "c7", "content": "drwxr-xr-x"}}]\n{ask}',
        '{ask}\n{{"name": "lookup", "arguments": {{"city": "Rome"}}}}',
    ],
)
def test_harness_text_leaves(turn: str) -> None:
    assert human_text(turn.format(ask=ASK)) == ASK


@pytest.mark.parametrize(
    "turn",
    [
        "Why is <div>this</div> not centred?",
        '{"name": "Ann", "age": 3} - is this valid JSON?',
        '{"type": "function", "wrong": \nwhat is wrong with this?',
        "What does <system-reminder> mean?",
        "</system-reminder> is left over, how do I close it?",
        "two\n\n\nempty lines",
        "[1, 2, 3]\nsort this in Python",
        "<my-details>component</my-details> does not render",
        "<instructions>Summarise the contract.</instructions>\n<contract>It ends in May.</contract>",
    ],
)
def test_what_a_person_wrote_stays_to_the_letter(turn: str) -> None:
    assert human_text(f"  {turn}\n") == turn


@pytest.mark.parametrize(
    "turn",
    [
        "<system-reminder>only this</system-reminder>",
        "This session is being continued from a previous conversation that ran out of room. Summary: taxes.",
        '{"type": "tool_result", "tool_use_id": "c7", "content": "ok"}',
        "Tool result:\n42",
        " \n ",
    ],
)
def test_a_turn_of_a_program_alone_is_nobodys(turn: str) -> None:
    assert human_text(turn) == ""


@pytest.mark.parametrize(
    "turn",
    [
        "<system-reminder>" * 20_000,
        "<system-reminder></system-reminder>" * 10_000,
        '{"a": ' * 30_000,
        '{"a":\n' * 30_000,
        "[\n" * 50_000,
        "\n \n " * 50_000,
        "<a " * 50_000 + "</a>",
        "```\n" * 50_000,
        "contents of / " * 20_000,
    ],
)
def test_a_crafted_turn_costs_little_time(turn: str) -> None:
    started = time.perf_counter()
    human_text(turn)
    assert time.perf_counter() - started < 1.0


def test_a_deeply_nested_value_is_text() -> None:
    nested = "[" * 100_000 + "]" * 100_000
    assert human_text(nested) == nested


def test_a_large_tool_result_leaves_whole() -> None:
    result = json.dumps({"tool_call_id": "c1", "content": "x" * 100_000}, indent=2)
    assert human_text(f"{result}\n{ASK}") == ASK
