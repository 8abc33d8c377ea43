"""Where conversations go under four rules, and how often a paraphrase changes the expert.

    python -m benchmarks.conversations --data DIR

`--data` has `clinc150/`, `banking77/`, `medquad/`, `nq_open/`, `mbpp/` and `xquad_en/` as JSON Lines. The rules differ
in nothing but the text that they make of a conversation; gate, encoder and conversations are the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import followups
from benchmarks.machine import machine
from benchmarks.paraphrases import flip_rates
from benchmarks.talks import LabelledSet, Talk, clinc150, mixed, talks
from doyen_router.conversation import Turn, read
from doyen_router.conversation.dependence import dependence
from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.encoder.sentence_transformer import load_encoder

# Texts to the experts' names.
Router = Callable[[Sequence[str]], list[str]]
Rule = Callable[[Sequence[Turn]], str]


def last_turn(turns: Sequence[Turn]) -> str:
    return _users(turns)[-1]


def all_turns(turns: Sequence[Turn]) -> str:
    return "\n".join(_users(turns))


def by_length(turns: Sequence[Turn]) -> str:
    """The rule before this one: under five words, the user turns before it come in front; 2,000 characters are kept."""
    said = _users(turns)
    text = said.pop()
    while said and len(text.split()) < 5:
        text = f"{said.pop()}\n{text}"
    return text if len(text) <= 2_000 else f"{text[:1_000]}\n{text[-1_000:]}"


RULES: dict[str, Rule] = {
    "last_turn": last_turn,
    "by_length": by_length,
    "all_turns": all_turns,
    "doyen": lambda turns: read(turns).text,
}


class CachingEncoder:
    """One inference a text over the whole run: the rules share most texts."""

    def __init__(self, inner: Encoder) -> None:
        self.inner = inner
        self._kept: dict[str, Vector] = {}

    def encode(self, texts: Sequence[str]) -> Vector:
        missing = sorted({text for text in texts if text not in self._kept}, key=len)
        for start in range(0, len(missing), 128):
            some = missing[start : start + 128]
            self._kept.update(zip(some, self.inner.encode(some), strict=True))
        return np.stack([self._kept[text] for text in texts])


def gate_router(labelled: LabelledSet, encoder: CachingEncoder) -> Router:
    """Doyen's own gate, trained on the experts' names alone."""
    from doyen_router import Policy, decide, fit_gate, snapshot_of
    from doyen_router.text_features import featured

    gate = fit_gate(labelled.training, encoder.inner)
    snapshot, policy = snapshot_of(gate), Policy()

    def best(features_F: Vector) -> str:
        # Also where the gate would abstain: what is compared is the rule, not the floor.
        shares = dict(decide(gate, features_F, snapshot, policy).probabilities)
        return max(shares, key=lambda name: shares[name])

    def route(texts: Sequence[str]) -> list[str]:
        return [best(features_F) for features_F in featured(encoder.encode(texts), texts)]

    return route


def plain_router(labelled: LabelledSet, encoder: CachingEncoder) -> Router:
    """Logistic regression on the vectors: whether the rule's figures hang on the gate."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=30, max_iter=500)
    model.fit(encoder.encode([text.text for text in labelled.training]), [text.expert for text in labelled.training])
    return lambda texts: [str(name) for name in model.predict(encoder.encode(texts))]


def accuracy(route: Router, rule: Rule, made: Sequence[Talk]) -> float:
    found = route([rule(talk.turns) for talk in made])
    right = sum(expert == talk.expert for expert, talk in zip(found, made, strict=True))
    return round(right / len(made), 4)


def detection(texts: dict[str, tuple[str, ...]], *, depends: bool) -> dict[str, float]:
    """The share judged right, by language, with no model at all."""
    return {
        language: round(sum(dependence(text).depends is depends for text in some) / len(some), 4)
        for language, some in texts.items()
    }


def reading_microseconds(made: Sequence[Talk]) -> float:
    started = time.perf_counter()
    for talk in made:
        read(talk.turns)
    return round((time.perf_counter() - started) / len(made) * 1e6, 1)


def _users(turns: Sequence[Turn]) -> list[str]:
    return [turn.text for turn in turns if turn.role == "user"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--talks", type=int, default=200, help="conversations of each kind")
    parser.add_argument("--texts", type=int, default=3_000, help="training texts of each set")
    parser.add_argument("--development", action="store_true", help="the follow-ups that the rule was fitted to")
    parser.add_argument("--plain", action="store_true", help="logistic regression in the gate's place")
    arguments = parser.parse_args()
    lists = followups.DEVELOPMENT if arguments.development else followups.HELD_OUT
    encoder = CachingEncoder(load_encoder())
    figures: dict[str, object] = {
        "machine": machine(),
        "followups": "development" if arguments.development else "held_out",
        "router": "logistic_regression" if arguments.plain else "gate",
        "talks_of_a_kind": arguments.talks,
        "detected": {
            "depends": detection(lists, depends=True),
            "stands_alone": detection(followups.STANDS_ALONE, depends=False),
        },
    }
    for labelled in (clinc150(arguments.data, arguments.texts), mixed(arguments.data, arguments.texts)):
        print(f"{labelled.name}: training on {len(labelled.training)} texts", file=sys.stderr)
        route = (plain_router if arguments.plain else gate_router)(labelled, encoder)
        made = talks(labelled, [text for some in lists.values() for text in some], arguments.talks)
        table: dict[str, dict[str, float]] = {}
        for rule, make in RULES.items():
            print(f"{labelled.name}: {rule}", file=sys.stderr)
            table[rule] = {kind: accuracy(route, make, some) for kind, some in made.items()}
        print(f"{'':22}" + "".join(f"{rule:>12}" for rule in RULES), file=sys.stderr)
        for kind in made:
            print(f"{kind:22}" + "".join(f"{table[rule][kind]:12.3f}" for rule in RULES), file=sys.stderr)
        unaltered = [text.text for text in labelled.test][:: max(1, len(labelled.test) // 500)]
        figures[labelled.name] = {
            "accuracy": table,
            "flip_rate": flip_rates(route, unaltered),
            "read_us": reading_microseconds([talk for some in made.values() for talk in some]),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
