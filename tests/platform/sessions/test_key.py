"""Which requests are one session."""

from __future__ import annotations

import pytest

from doyen_experts.contract import Message, Role
from doyen_platform.sessions.key import SessionKey, derived, given


def talk(*turns: tuple[Role, str]) -> list[Message]:
    return [Message(role, text) for role, text in turns]


BEGIN = talk(("system", "Be brief."), ("user", "What is a lien?"))


def key(messages: list[Message], tools: tuple[str, ...] = (), caller: str = "k") -> SessionKey:
    found = derived(messages, tools, caller)
    assert found is not None
    return found


def test_the_first_header_that_was_sent_counts() -> None:
    assert given((None, "b", "c")) == SessionKey("given", "b")
    assert given(("a", "b", None)) == SessionKey("given", "a")
    assert given((None, "", None)) is None


@pytest.mark.parametrize("value", ["two words", "x" * 129, "ü", "a\tb"])
def test_an_id_that_is_no_short_word_counts_by_its_hash(value: str) -> None:
    found = given((value,))
    assert found is not None
    assert len(found.id) == 32
    assert found == given((value,))
    assert found != given((value + "x",))


def test_a_conversation_that_goes_on_keeps_its_key_and_no_longer_begins() -> None:
    more = [*BEGIN, *talk(("assistant", "A claim on property."), ("user", "And a mortgage?"))]
    assert key(more).id == key(BEGIN).id
    assert (key(BEGIN).begins, key(more).begins) == (True, False)


@pytest.mark.parametrize(
    "other",
    [
        key(talk(("system", "Be long."), ("user", "What is a lien?"))),
        key(talk(("system", "Be brief."), ("user", "What is a loan?"))),
        key(talk(("user", "Be brief."), ("user", "What is a lien?"))),
        key(BEGIN, tools=("search",)),
        key(BEGIN, caller="another key"),
    ],
)
def test_another_beginning_is_another_session(other: SessionKey) -> None:
    assert other.id != key(BEGIN).id


def test_the_order_of_tools_does_not_matter_and_parts_do_not_run_together() -> None:
    assert key(BEGIN, ("a", "b")) == key(BEGIN, ("b", "a"))
    assert key(BEGIN, ("a", "b")) != key(BEGIN, ("ab",))


def test_without_a_user_message_there_is_no_session() -> None:
    assert derived(talk(("system", "x"), ("assistant", "y")), (), "k") is None


def test_half_a_surrogate_pair_has_a_key_too() -> None:
    assert len(key(talk(("user", "\ud800"))).id) == 32
