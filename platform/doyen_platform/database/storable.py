"""Values that both databases can keep: what a request may hold beyond that is refused at the door, with its reason."""

from __future__ import annotations

import datetime as dt
import math
from typing import Annotated, Any

from pydantic import AfterValidator

MOST_LEVELS = 32
MOST_INTEGER = 2**63


def _utc(time: dt.datetime) -> dt.datetime:
    try:
        return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


Moment = Annotated[dt.datetime, AfterValidator(_utc)]  # in UTC; a time without a zone is taken as UTC


def _plain(value: dict[str, Any]) -> dict[str, Any]:  # Any: JSON as it came, checked here
    pending: list[tuple[Any, int]] = [(value, 1)]
    while pending:
        item, level = pending.pop()
        if level > MOST_LEVELS:
            raise ValueError(f"is nested deeper than {MOST_LEVELS} levels")
        if isinstance(item, dict):
            pending += [(part, level + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            pending += [(part, level + 1) for part in item]
        elif isinstance(item, str):
            if "\x00" in _unicode(item):
                raise ValueError("holds a NUL character")
        elif isinstance(item, float) and not math.isfinite(item):
            raise ValueError("holds a number that is not finite")
        elif isinstance(item, int) and not -MOST_INTEGER <= item < MOST_INTEGER:
            raise ValueError("holds an integer of more than 64 bits")
    return value


def _unicode(text: str) -> str:
    """JSON can spell half of a surrogate pair, which no UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair") from None
    return text


Unicode = Annotated[str, AfterValidator(_unicode)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_plain)]  # Any: the caller's own, or checked further by a kind
