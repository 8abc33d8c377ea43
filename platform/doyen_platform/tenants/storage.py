"""What a tenant lets the platform keep of its prompts."""

from enum import StrEnum


class PromptStorage(StrEnum):
    """What a decision keeps of the prompt. `nothing` keeps no embedding either: such a decision cannot be replayed."""

    NOTHING = "nothing"
    HASH = "hash"
    REDACTED = "redacted"
    FULL = "full"
