"""The adapter between the API's messages and the rule of `doyen_router.conversation`."""

from __future__ import annotations

from doyen_experts.contract import Message
from doyen_platform.routing.conversation import reading, routing_text

TALK = [
    Message("system", "You are a helpful assistant."),
    Message("user", "<system-reminder>x</system-reminder>How is the weather in Paris?"),
    Message("assistant", "Sunny."),
    Message("user", "and in Berlin?"),
]


def test_what_is_stored_gives_what_was_encoded() -> None:
    for messages in (TALK, TALK[:2], [Message("user", "word " * 900 + "end?")], [Message("user", "yes")]):
        assert routing_text(reading(messages).asked) == reading(messages).text


def test_context_is_carried_and_programs_text_is_not() -> None:
    assert reading(TALK).asked == "and in Berlin?\nHow is the weather in Paris?"
    assert [part.turn for part in reading(TALK).parts] == [3, 1]


def test_nothing_asked_is_an_empty_text() -> None:
    assert reading([Message("assistant", "How can I help?"), Message("user", " ")]).asked == ""
