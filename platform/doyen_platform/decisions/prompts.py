"""What of a prompt is kept with its decision: the tenant chooses."""

from __future__ import annotations

import hashlib
import re

from doyen_platform.tenants.storage import PromptStorage

# Mail addresses, long tokens that mix letters and digits (keys), and runs of digits (phones, cards, accounts).
REDACTED = re.compile(
    r"(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<key>\b(?=[A-Za-z0-9_-]*\d)(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_-]{20,}\b)"
    r"|(?P<digits>\+?\d[\d ()/.-]{5,}\d)"
)

HASH = "sha256:"


def is_hash(stored: str) -> bool:
    """Whether the tenant kept only a hash when this was stored, whatever it chooses now."""
    return stored.startswith(HASH)


def stored_prompt(text: str, storage: PromptStorage) -> str | None:
    match storage:
        case PromptStorage.NOTHING:
            return None
        case PromptStorage.HASH:
            return HASH + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        case PromptStorage.REDACTED:
            return REDACTED.sub(lambda match: f"[{match.lastgroup}]", _storable(text))
        case PromptStorage.FULL:
            return _storable(text)


def _storable(text: str) -> str:
    """PostgreSQL takes neither NUL nor lone surrogates."""
    return text.replace("\x00", "").encode(errors="replace").decode()
