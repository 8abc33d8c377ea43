"""What a key may be used for."""

from enum import StrEnum


class Scope(StrEnum):
    ADMIN = "admin"  # everything
    APP = "app"  # /v1: ask, and look at the tenant's own decisions
    ANALYTICS = "analytics"  # /analytics, read only
