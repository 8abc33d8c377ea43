"""What of a conversation is encoded, and what is said of how it came to be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from doyen_router.conversation import Dependence, Turn, read, shortened
from doyen_router.conversation.reading import CONTEXT_CHARS, KEPT_CHARS, MOST_TURNS

WEATHER = "How is the weather in Paris?"
HOTEL = "Book me a hotel near the Louvre for Friday"


def talk(*texts: str) -> list[Turn]:
    """User first, then assistant and user in turn; an empty assistant turn is left out."""
    turns = [Turn(("user", "assistant")[place % 2], text) for place, text in enumerate(texts)]
    return [turn for turn in turns if turn.text]


def test_a_turn_that_stands_alone_is_read_alone_to_the_letter() -> None:
    reading = read([Turn("system", "You are a tax adviser."), *talk(WEATHER, "Sunny.", HOTEL)])
    assert (reading.text, reading.dependent, reading.reason) == (HOTEL, False, Dependence.STANDS_ALONE)


def test_a_follow_up_is_read_with_the_turn_it_follows() -> None:
    reading = read(talk(WEATHER, "Sunny.", "and in Berlin?"))
    assert reading.text == f"and in Berlin?\n{WEATHER}"
    assert (reading.dependent, reading.reason) == (True, Dependence.GOES_ON)
    assert [(part.turn, part.source) for part in reading.parts] == [(2, "user"), (0, "user")]


def test_a_turn_that_says_nothing_is_read_as_the_turn_before() -> None:
    assert read(talk(WEATHER, "Sunny.", "why?")).text == WEATHER
    assert read(talk(HOTEL, "Booked.", WEATHER, "Sunny.", "are you sure?", "Yes.", "why?")).text == WEATHER


def test_follow_ups_between_add_their_own_words() -> None:
    reading = read(talk(WEATHER, "Sunny.", "and in Berlin?", "Rain.", "and tomorrow?", "Rain.", "and in Rome?"))
    assert reading.text == f"and in Rome?\nand in Berlin?\n{WEATHER}"


def test_a_new_topic_is_read_without_its_announcement_and_later_carried_so() -> None:
    turns = talk(WEATHER, "Sunny.", "now something else: who wrote Faust?")
    assert read(turns).text == "who wrote Faust?"
    assert read([*turns, Turn("assistant", "Goethe."), Turn("user", "when?")]).text == "who wrote Faust?"


def test_a_yes_is_read_as_what_the_assistant_offered() -> None:
    reading = read(talk(WEATHER, "Sunny. Shall I also book a hotel near the beach?", "yes please"))
    assert reading.text == "Shall I also book a hotel near the beach?"
    assert [(part.turn, part.source) for part in reading.parts] == [(1, "assistant")]
    assert read(talk(WEATHER, "Sunny. Shall I also book a hotel near the beach?", "no thanks")).text == WEATHER
    assert read(talk(WEATHER, "Sunny. Would you like me to go on?", "yes please")).text == WEATHER


def test_an_answer_to_the_assistant_is_read_with_what_was_asked_first() -> None:
    assert read(talk("What is my balance?", "Of which account?", "savings account")).text == (
        "savings account\nWhat is my balance?"
    )


def test_the_system_prompt_lends_its_domain_only_where_no_user_turn_has_one() -> None:
    system = Turn("system", "You are a helpful assistant for a travel agency. Be brief.")
    alone = read([system, Turn("user", "can you help me?")])
    assert (alone.text, alone.parts[0].source) == ("a travel agency", "system")
    assert read([system, *talk(WEATHER, "Sunny.", "why?")]).text == WEATHER
    assert read([Turn("developer", "You are a helpful assistant."), Turn("user", "yes")]).text == "yes"


def test_where_no_turn_stands_alone_the_fullest_is_read_with_the_last() -> None:
    assert read(talk("can you tell me where I am", "In Rome.", "and after that?")).text == "can you tell me where I am"
    assert read(talk("hi", "How can I help?", "can you do something for me")).text == "can you do something for me"


def test_what_programs_say_is_not_read() -> None:
    turns = [
        Turn("user", f"<system-reminder>Use tabs.</system-reminder>\n{WEATHER}"),
        Turn("assistant", ""),
        Turn("tool", "Rome 21 degrees"),
        Turn("user", '{"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}'),
    ]
    assert read(turns).text == WEATHER


def test_where_only_programs_speak_the_last_turn_has_to_do() -> None:
    text = "<system-reminder>The build failed.</system-reminder>"
    assert read([Turn("user", text)]).text == text


def test_nothing_asked_is_nothing_read() -> None:
    for turns in ([], [Turn("user", " \n")], [Turn("system", "You are a cook."), Turn("assistant", "Hello?")]):
        assert (read(turns).text, read(turns).asked, read(turns).parts) == ("", "", ())


def test_a_long_turn_keeps_its_beginning_and_its_end_and_says_what_was_cut() -> None:
    text = "First. " + "middle " * 1_000 + "Last?"
    reading = read(talk(text))
    assert reading.text.startswith("First.")
    assert reading.text.endswith("Last?")
    assert reading.asked == text
    assert reading.cut_chars == len(text) - KEPT_CHARS
    assert read(talk(WEATHER)).cut_chars == 0


def test_a_long_turn_lends_no_more_than_the_follow_up_leaves_room_for() -> None:
    reading = read(talk("Weather " + "report " * 1_000, "Sunny.", "and in Berlin?"))
    assert reading.text.startswith("and in Berlin?\nWeather report")
    assert len(reading.text) <= len("and in Berlin?") + 1 + CONTEXT_CHARS + 1


def test_a_very_long_talk_is_read_near_its_end() -> None:
    yes = ["yes", "Done."] * (2 * MOST_TURNS)
    assert read(talk(WEATHER, "Sunny.", *yes, "yes")).text == "yes"
    assert read(talk(*yes, WEATHER, "Sunny.", "yes")).text == WEATHER


@given(
    st.lists(
        st.builds(
            Turn,
            st.sampled_from(["system", "user", "assistant", "tool", "developer", "?"]),
            st.one_of(
                st.text(max_size=40), st.sampled_from(["yes", "and it?", WEATHER, "<task>", "</task>", "a?" * 900])
            ),
        ),
        max_size=8,
    )
)
def test_any_talk_is_read_within_bounds_and_what_is_encoded_follows_from_what_was_asked(turns: list[Turn]) -> None:
    reading = read(turns)
    assert reading.text == shortened(reading.asked)
    assert len(reading.text) <= KEPT_CHARS + 1
    assert bool(reading.text) == any(turn.role == "user" and turn.text.strip() for turn in turns)
    assert "\n".join(part.text for part in reading.parts) == reading.asked
