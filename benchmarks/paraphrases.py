"""How stable a choice is when the same thing is said in other words. The changes are rules; no model makes them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence

Change = Callable[[str, random.Random], str]

POLITE = ("could you please help me with this: ", "hi, quick question: ", "please, ", "I would like to know: ")
CONTRACTIONS = {
    "i am": "i'm",
    "do not": "don't",
    "does not": "doesn't",
    "did not": "didn't",
    "can not": "can't",
    "cannot": "can't",
    "is not": "isn't",
    "are not": "aren't",
    "what is": "what's",
    "where is": "where's",
    "how is": "how's",
    "who is": "who's",
    "it is": "it's",
    "that is": "that's",
    "i have": "i've",
    "i would": "i'd",
    "i will": "i'll",
    "will not": "won't",
}
_CLAUSES = re.compile(r",\s+|\s+(?=(?:because|if|when|since|so that|before|after|while)\s)", re.IGNORECASE)


def upper(text: str, _chance: random.Random) -> str:
    return text.upper()


def punctuation(text: str, _chance: random.Random) -> str:
    bare = re.sub(r"[.,?!;:]", "", text)
    return bare if bare != text else f"{text} ?"


def polite(text: str, chance: random.Random) -> str:
    return chance.choice(POLITE) + text


def thanks(text: str, _chance: random.Random) -> str:
    return f"{text.rstrip()} thanks in advance!"


def typo(text: str, chance: random.Random) -> str:
    """Two letters inside one longer word change places, as fingers do."""
    long_words = [found for found in re.finditer(r"[^\W\d_]{5,}", text)]
    if not long_words:
        return text
    place = chance.choice(long_words).start() + chance.choice((1, 2))
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def contraction(text: str, _chance: random.Random) -> str:
    """Contracted, or written out where it was contracted."""
    for long, short in CONTRACTIONS.items():
        for before, after in ((long, short), (short, long)):
            changed = re.sub(rf"\b{re.escape(before)}\b", after, text, flags=re.IGNORECASE)
            if changed != text:
                return changed
    return text


def clause_order(text: str, _chance: random.Random) -> str:
    """The second clause first; texts of one clause stay."""
    clauses = _CLAUSES.split(text.rstrip(" .?!"), maxsplit=1)
    return (
        f"{clauses[1]}, {clauses[0]}" if len(clauses) == 2 and all(len(part.split()) > 2 for part in clauses) else text
    )


CHANGES: dict[str, Change] = {
    "upper": upper,
    "punctuation": punctuation,
    "polite": polite,
    "thanks": thanks,
    "typo": typo,
    "contraction": contraction,
    "clause_order": clause_order,
}


def flip_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """The share of pairs (chosen for the text, chosen for its paraphrase) that differ. Raises without a pair."""
    flips = [first != second for first, second in pairs]
    if not flips:
        raise ValueError("a flip rate needs at least one pair")
    return sum(flips) / len(flips)


def flip_rates(route: Callable[[Sequence[str]], list[str]], texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """By change, over the texts that it changes, and over all pairs together."""
    chance = random.Random(0)
    chosen = dict(zip(texts, route(texts), strict=True))
    rates: dict[str, dict[str, float]] = {}
    every: list[tuple[str, str]] = []
    for name, change in CHANGES.items():
        pairs = [(text, changed) for text in texts if (changed := change(text, chance)) != text]
        if not pairs:
            continue
        routed = route([changed for _, changed in pairs])
        decisions = [(chosen[text], after) for (text, _), after in zip(pairs, routed, strict=True)]
        every += decisions
        rates[name] = {"pairs": len(decisions), "rate": round(flip_rate(decisions), 4)}
    rates["all"] = {"pairs": len(every), "rate": round(flip_rate(every), 4)}
    return rates
