"""The life of a document."""

from enum import StrEnum


class DocumentState(StrEnum):
    QUEUED = "queued"  # accepted, not yet searchable
    INDEXED = "indexed"
    FAILED = "failed"  # `reason` says why; adding it again tries again
