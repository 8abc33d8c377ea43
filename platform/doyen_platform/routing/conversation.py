"""What of a conversation is embedded for routing.

The rule: the last user turn. When it is too short to stand alone ("yes", "and the second one?"), the user turns before
it are put in front, the latest first, until there are enough words. System and tool texts never route. Very long turns
keep their beginning and their end, where people put the question.
"""

from __future__ import annotations

from collections.abc import Sequence

from doyen_experts.contract import Message

STANDS_ALONE_WORDS = 5
KEPT_CHARS = 2_000  # the encoder reads at most a few hundred tokens


def asked_text(messages: Sequence[Message]) -> str:
    """What the user asks, with its context, whole. Empty when no user turn has any text."""
    turns = [text for message in messages if message.role == "user" and (text := message.content.strip())]
    if not turns:
        return ""
    text = turns.pop()
    while turns and len(text.split()) < STANDS_ALONE_WORDS:
        text = f"{turns.pop()}\n{text}"
    return text


def routing_text(asked: str) -> str:
    """As much of it as the gate reads."""
    if len(asked) > KEPT_CHARS:
        half = KEPT_CHARS // 2
        return f"{asked[:half]}\n{asked[-half:]}"
    return asked
