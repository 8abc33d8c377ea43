"""Which turns stand alone: by examples in four languages, and by the shapes that are easily mistaken."""

from __future__ import annotations

import time

import pytest

from doyen_router.conversation.dependence import Dependence, agrees, dependence


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("yes", Dependence.SAYS_NOTHING),
        ("Ja, bitte!", Dependence.SAYS_NOTHING),
        ("Sí, por favor", Dependence.SAYS_NOTHING),
        ("pourquoi ?", Dependence.SAYS_NOTHING),
        ("👍", Dependence.SAYS_NOTHING),
        ("make it shorter", Dependence.SAYS_NOTHING),
        ("and the second one?", Dependence.SAYS_NOTHING),
        ("what about Berlin?", Dependence.GOES_ON),
        ("ok, and with mushrooms?", Dependence.GOES_ON),
        ("und in Hamburg?", Dependence.GOES_ON),
        ("et à Lyon ?", Dependence.GOES_ON),
        ("¿y en Madrid?", Dependence.GOES_ON),
        ("for my grandmother", Dependence.GOES_ON),
        ("can I return it?", Dependence.POINTS_BACK),
        ("the second hotel", Dependence.POINTS_BACK),
        ("kann ich das stornieren?", Dependence.POINTS_BACK),
        ("Berlin?", Dependence.FRAGMENT),
    ],
)
def test_a_turn_that_cannot_stand_alone_says_why(text: str, why: Dependence) -> None:
    assert dependence(text) is why
    assert why.depends


@pytest.mark.parametrize(
    "text",
    [
        "play music",
        "tell me a joke",
        "who are you?",
        "what time is it",
        "is it going to rain tomorrow?",
        "wie hoch ist die Miete in München?",
        "quel temps fait-il à Marseille ?",
        "¿quién inventó el teléfono?",
        "and how do I renew the passport of a child who lives abroad?",
        "I need a card for my son, how do I get one of those quickly?",
        "in french, how do i say, see you later",
        "Pythonのリスト内包表記の使い方を教えてください",
    ],
)
def test_a_turn_with_words_of_its_own_stands_alone(text: str) -> None:
    assert dependence(text) is Dependence.STANDS_ALONE


@pytest.mark.parametrize(
    "text",
    [
        "now something else: how do vaccines work?",
        "New topic - best pizza dough recipe",
        "by the way, who wrote Faust?",
        "anderes Thema: wie koche ich Reis?",
        "autre question : comment cuire du riz ?",
        "otro tema, ¿cómo se cocina el arroz?",
    ],
)
def test_an_announced_topic_is_new(text: str) -> None:
    assert dependence(text) is Dependence.NEW_TOPIC


def test_an_announced_question_about_the_same_thing_is_not_a_new_topic() -> None:
    assert dependence("another question: is it safe?").depends
    assert dependence("something else?").depends


def test_a_few_words_answer_only_when_something_was_asked() -> None:
    assert dependence("savings account", asked_before=True) is Dependence.ANSWERS
    assert dependence("savings account") is Dependence.STANDS_ALONE
    assert dependence("play music", asked_before=True) is Dependence.STANDS_ALONE
    assert dependence("which savings account?", asked_before=True) is Dependence.STANDS_ALONE


def test_scripts_without_spaces_are_counted_by_signs() -> None:
    assert dependence("继续").depends
    assert not dependence("请告诉我如何申请护照").depends


def test_agreement_is_nothing_but_a_yes() -> None:
    assert all(map(agrees, ("yes", "OK, do it", "sure, go ahead", "ja bitte", "d'accord", "sí, hazlo")))
    assert not any(map(agrees, ("no", "why?", "yes, a table for nine in Rome", "")))


@pytest.mark.parametrize("text", ["new topic " * 50_000, "ok " * 100_000, "<" * 100_000, "it " * 99, "y, " * 99])
def test_a_crafted_turn_costs_no_time(text: str) -> None:
    started = time.perf_counter()
    dependence(text, asked_before=True)
    assert time.perf_counter() - started < 0.2
