"""The life of an expert."""

from enum import StrEnum


class ExpertState(StrEnum):
    LOADING = "loading"  # registered; its store is being built or its first version opened
    ACTIVE = "active"  # may be chosen
    PAUSED = "paused"  # by an admin
    FAILED = "failed"  # `state_reason` says why
