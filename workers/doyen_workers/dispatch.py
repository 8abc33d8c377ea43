"""How work reaches experts: the one protocol of every dispatcher, and what can go wrong on the way.

It does not know why an expert was chosen, nor who asked.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from doyen_experts.contract import Answer, Delta, ExpertRequest
from doyen_router.errors import Unavailable


class ExpertNotHosted(Unavailable):
    """The registry knew the expert a moment ago; it is being moved, or has just been removed."""

    code = "expert_not_hosted"

    def __init__(self, expert: str) -> None:
        super().__init__(f"no worker hosts the expert {expert!r} at the moment", retry_after_seconds=1.0)
        self.expert = expert


class Overloaded(Unavailable):
    code = "overloaded"

    def __init__(self, expert: str, *, waiting: int, retry_after_seconds: float) -> None:
        super().__init__(
            f"the queue of expert {expert!r} is full ({waiting} requests wait)", retry_after_seconds=retry_after_seconds
        )
        self.expert = expert


class DeadlineExceeded(Unavailable):
    code = "deadline_exceeded"

    def __init__(self, expert: str) -> None:
        super().__init__(f"expert {expert!r} did not answer within the request's deadline")
        self.expert = expert


class ExpertFailed(Unavailable):
    """The expert raised. `detail` is for the operator's log: it may quote the request."""

    code = "expert_failed"

    def __init__(self, expert: str, detail: str) -> None:
        super().__init__(f"expert {expert!r} failed to answer")
        self.expert = expert
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Lane:
    """How busy one expert is. `service_seconds` is a running mean of one request's time in the expert.

    `wait_seconds` is what a request that came now would be expected to wait; 0 when a thread of the expert is free.
    """

    waiting: int
    running: int
    service_seconds: float
    wait_seconds: float = 0.0


class Dispatcher(Protocol):
    """Carries requests to experts. All of it is called from one event loop.

    Cancelling the awaiting task, or closing the iterator, cancels the work: `request.is_cancelled()` turns true.
    Raises ExpertNotHosted, Overloaded, DeadlineExceeded, ExpertFailed, or the expert's own DoyenError.
    """

    async def answer(self, expert: str, request: ExpertRequest) -> Answer: ...

    def stream(self, expert: str, request: ExpertRequest) -> AsyncGenerator[Delta]:
        """The last delta carries the whole answer."""
        ...

    def lanes(self) -> dict[str, Lane]: ...

    async def close(self) -> None:
        """Lets what runs finish, refuses what waits."""
        ...
