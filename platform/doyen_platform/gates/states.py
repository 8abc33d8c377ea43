"""The life of a gate version."""

from enum import StrEnum


class GateState(StrEnum):
    TRAINING = "training"
    CANDIDATE = "candidate"  # trained, never promoted
    ACTIVE = "active"  # decides now
    RETIRED = "retired"  # decided before; can be rolled back to
    FAILED = "failed"
