"""What of a request's messages is encoded for routing. The rule itself is `doyen_router.conversation`'s."""

from __future__ import annotations

from collections.abc import Sequence

from doyen_experts.contract import Message
from doyen_router.conversation import Reading, Turn, read, shortened


def reading(messages: Sequence[Message]) -> Reading:
    """What is encoded, what was left out, and why. `asked` is empty when no user turn has any text."""
    return read([Turn(message.role, message.content) for message in messages])


def routing_text(asked: str) -> str:
    """As much of it as the gate reads: `reading(messages).text`."""
    return shortened(asked)
