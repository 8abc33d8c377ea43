"""Which expert answered each session last. In memory, for this process alone, and only for a while.

What is forgotten costs a session its stickiness, nothing else.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from doyen_platform.sessions.key import SessionKey

MOST_SESSIONS = 50_000
IDLE_SECONDS = 3600.0


class LiveSessions:
    """Called on the event loop. `clock` tells seconds."""

    def __init__(
        self,
        *,
        most: int = MOST_SESSIONS,
        idle_seconds: float = IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._last: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()  # the longest idle comes first

    def previous(self, tenant: str, key: SessionKey | None) -> str | None:
        """The expert that answered last; None when the session is new, unknown, or was idle for too long."""
        if key is None or key.begins:
            return None
        found = self._last.get((tenant, str(key)))
        if found is None or found[1] + self._idle_seconds < self._clock():
            return None
        return found[0]

    def note(self, tenant: str, key: SessionKey | None, expert: str) -> None:
        if key is None:
            return
        now, place = self._clock(), (tenant, str(key))
        self._last[place] = (expert, now)
        self._last.move_to_end(place)
        while self._last:
            oldest = next(iter(self._last))
            if len(self._last) <= self._most and self._last[oldest][1] + self._idle_seconds >= now:
                break
            del self._last[oldest]

    def __len__(self) -> int:
        return len(self._last)
