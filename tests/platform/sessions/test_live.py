"""The memory of who answered a session last."""

from __future__ import annotations

from dataclasses import replace

from doyen_platform.sessions.key import SessionKey
from doyen_platform.sessions.live import LiveSessions

KEY = SessionKey("given", "s1")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_last_expert_of_a_session_is_remembered_for_its_tenant_alone() -> None:
    sessions = LiveSessions()
    sessions.note("a", KEY, "law")
    sessions.note("a", KEY, "tax")
    assert sessions.previous("a", KEY) == "tax"
    assert sessions.previous("b", KEY) is None
    assert sessions.previous("a", SessionKey("derived", "s1")) is None
    assert sessions.previous("a", None) is None


def test_a_conversation_that_begins_has_no_past() -> None:
    sessions = LiveSessions()
    begins = SessionKey("derived", "d", begins=True)
    sessions.note("a", begins, "law")
    assert sessions.previous("a", begins) is None
    assert sessions.previous("a", replace(begins, begins=False)) == "law"


def test_an_idle_session_is_forgotten_and_one_in_use_is_not() -> None:
    clock = Clock()
    sessions = LiveSessions(idle_seconds=10, clock=clock)
    sessions.note("a", KEY, "law")
    clock.now = 9
    sessions.note("a", KEY, "law")
    clock.now = 18
    assert sessions.previous("a", KEY) == "law"
    clock.now = 19.5
    assert sessions.previous("a", KEY) is None
    sessions.note("a", SessionKey("given", "s2"), "tax")
    assert len(sessions) == 1


def test_there_are_never_more_than_the_most_and_the_longest_idle_goes_first() -> None:
    sessions = LiveSessions(most=3)
    keys = [SessionKey("given", str(number)) for number in range(3)]
    for key in keys:
        sessions.note("a", key, "law")
    sessions.note("a", keys[0], "tax")
    sessions.note("a", SessionKey("given", "new"), "law")
    assert len(sessions) == 3
    assert [sessions.previous("a", key) for key in keys] == ["tax", None, "law"]
