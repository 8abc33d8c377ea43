"""Conversations of known domain, built out of labelled single texts and `benchmarks.followups`."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.followups import ASSISTANT, HARNESS, PASTED
from doyen_router.conversation import Turn
from doyen_router.gate.examples import Example

YES = ("yes", "sure, go ahead", "ok do it", "ja bitte", "oui", "sí")


@dataclass(frozen=True, slots=True)
class Talk:
    turns: tuple[Turn, ...]
    expert: str


@dataclass(frozen=True, slots=True)
class LabelledSet:
    name: str
    training: Sequence[Example]
    test: Sequence[Example]


def clinc150(data: Path, training: int) -> LabelledSet:
    def read(part: str) -> list[Example]:
        return [Example(row["text"], row["domain"], row["intent"]) for row in _rows(data / f"clinc150/{part}.jsonl")]

    return LabelledSet("clinc150", _picked(read("train"), training), read("val"))


def mixed(data: Path, training: int) -> LabelledSet:
    """Banking, medicine, trivia, programming and encyclopaedia questions, each from a set of its own."""
    sources = {
        "banking": ("banking77/train.jsonl", "text"),
        "medicine": ("medquad/dev.jsonl", "question"),
        "trivia": ("nq_open/dev.jsonl", "question"),
        "programming": ("mbpp/train.jsonl", "text"),
        "encyclopaedia": ("xquad_en/dev_questions.jsonl", "question"),
    }
    train: list[Example] = []
    test: list[Example] = []
    for expert, (file, field) in sources.items():
        found = _picked([Example(row[field], expert) for row in _rows(data / file)], training // len(sources) + 100)
        test += found[:100]
        train += found[100:]
    return LabelledSet("mixed", train, test)


def talks(labelled: LabelledSet, followups: Sequence[str], count: int) -> dict[str, list[Talk]]:
    """By kind: what the talk is made of, and so what the right expert is."""
    picker = _Picker(labelled.test, random.Random(0))
    return {
        kind: [make(picker, followups) for _ in range(count // 4 if kind in LONG else count)]
        for kind, make in KINDS.items()
    }


class _Picker:
    def __init__(self, texts: Sequence[Example], chance: random.Random) -> None:
        self.chance = chance
        self._by_expert: dict[str, list[str]] = defaultdict(list)
        for text in texts:
            self._by_expert[text.expert].append(text.text)

    def text(self, *, of: str | None = None, other_than: str | None = None) -> tuple[str, str]:
        expert = of or self.chance.choice([name for name in self._by_expert if name != other_than])
        return self.chance.choice(self._by_expert[expert]), expert

    def talk(self, expert: str, *user_turns: str) -> Talk:
        turns: list[Turn] = []
        for text in user_turns:
            if turns and (reply := self.chance.choice(ASSISTANT)):
                turns.append(Turn("assistant", reply))
            turns.append(Turn("user", text))
        return Talk(tuple(turns), expert)


def _single(picker: _Picker, _followups: Sequence[str]) -> Talk:
    text, expert = picker.text()
    return picker.talk(expert, text)


def _carry(picker: _Picker, followups: Sequence[str]) -> Talk:
    text, expert = picker.text()
    return picker.talk(expert, text, picker.chance.choice(followups))


def _carry_twice(picker: _Picker, followups: Sequence[str]) -> Talk:
    text, expert = picker.text()
    return picker.talk(expert, text, picker.chance.choice(followups), picker.chance.choice(followups))


def _carry_after_switch(picker: _Picker, followups: Sequence[str]) -> Talk:
    before, expert = picker.text()
    text, expert = picker.text(other_than=expert)
    return picker.talk(expert, before, text, picker.chance.choice(followups))


def _switch(picker: _Picker, _followups: Sequence[str]) -> Talk:
    before, expert = picker.text()
    text, expert = picker.text(other_than=expert)
    return picker.talk(expert, before, text)


def _switch_after_carry(picker: _Picker, followups: Sequence[str]) -> Talk:
    before, expert = picker.text()
    text, expert = picker.text(other_than=expert)
    return picker.talk(expert, before, picker.chance.choice(followups), text)


def _offer(picker: _Picker, same: bool) -> Talk:
    text, expert = picker.text()
    offered, right = picker.text(of=expert) if same else picker.text(other_than=expert)
    offer = Turn("assistant", f"Done. Should I also look into this: {offered.rstrip(' ?.')}?")
    return Talk((Turn("user", text), offer, Turn("user", picker.chance.choice(YES))), right)


def _in_harness(make: Callable[[_Picker, Sequence[str]], Talk]) -> Callable[[_Picker, Sequence[str]], Talk]:
    def made(picker: _Picker, followups: Sequence[str]) -> Talk:
        talk = make(picker, followups)
        turns = [
            Turn("user", picker.chance.choice(HARNESS).format(ask=turn.text)) if turn.role == "user" else turn
            for turn in talk.turns
        ]
        return Talk((Turn("system", "You are a helpful assistant. Be brief."), *turns), talk.expert)

    return made


def _system(picker: _Picker, followups: Sequence[str]) -> Talk:
    _, expert = picker.text()
    role = Turn("system", f"You are a helpful assistant for {expert.replace('_', ' ')}. Answer in two sentences.")
    return Talk((role, Turn("user", picker.chance.choice(followups))), expert)


def _pasted(first: bool) -> Callable[[_Picker, Sequence[str]], Talk]:
    def made(picker: _Picker, _followups: Sequence[str]) -> Talk:
        text, expert = picker.text()
        return picker.talk(expert, f"{text}\n\n{PASTED * 8}" if first else f"{PASTED * 8}\n\n{text}")

    return made


KINDS: dict[str, Callable[[_Picker, Sequence[str]], Talk]] = {
    "single": _single,
    "carry": _carry,
    "carry_twice": _carry_twice,
    "carry_after_switch": _carry_after_switch,
    "switch": _switch,
    "switch_after_carry": _switch_after_carry,
    "offer_same": lambda picker, _: _offer(picker, same=True),
    "offer_other": lambda picker, _: _offer(picker, same=False),
    "single_in_harness": _in_harness(_single),
    "carry_in_harness": _in_harness(_carry),
    "switch_in_harness": _in_harness(_switch),
    "system_prompt": _system,
    "question_then_paste": _pasted(first=True),
    "paste_then_question": _pasted(first=False),
}
# A text that fills the encoder costs as much as twenty short ones.
LONG = ("question_then_paste", "paste_then_question")


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _picked(examples: list[Example], count: int) -> list[Example]:
    random.Random(0).shuffle(examples)
    return examples[:count]
