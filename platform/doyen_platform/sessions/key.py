"""What makes several requests one session: an id that the client sends, else how the conversation began.

It knows neither tenants nor who answered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from doyen_experts.contract import Message

# The first that was sent counts.
HEADERS = ("x-session-id", "x-conversation-id", "x-claude-code-session-id")
PLAIN = re.compile(r"^[!-~]{1,128}$")


@dataclass(frozen=True, slots=True)
class SessionKey:
    """`begins`: derived from a conversation that nobody has answered yet, so that nothing came before it.

    Two conversations that begin with the same words have the same derived key: until one of them is answered, the
    other's past must not count for it.
    """

    origin: Literal["given", "derived"]
    id: str
    begins: bool = False

    def __str__(self) -> str:
        return f"{self.origin}:{self.id}"


def given(values: Sequence[str | None]) -> SessionKey | None:
    """Of the values of `HEADERS`, in their order. An id that is no plain short word counts by its hash."""
    for value in values:
        if value:
            return SessionKey("given", value if PLAIN.match(value) else _hash(value))
    return None


def derived(messages: Sequence[Message], tools: Sequence[str], caller: str) -> SessionKey | None:
    """From the system texts, the tools' names and the first user message; None without one.

    `caller` keeps apart those who have nothing to do with each other: the id of the key that was used.
    """
    first = next((message.content for message in messages if message.role == "user" and message.content), None)
    if first is None:
        return None
    system = [message.content for message in messages if message.role in ("system", "developer")]
    parts = [caller, *system, *sorted(tools), first]
    begins = all(message.role != "assistant" for message in messages)
    return SessionKey("derived", _hash("\x00".join(f"{len(part)}:{part}" for part in parts)), begins)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
