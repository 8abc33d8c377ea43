"""A sketch of a store: the passages that stand best for all of it, kept in the gate as evidence. It opens no store.

Legend: P passages of the store, C candidates among them, D dimensions.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.errors import Invalid
from doyen_router.gate.gate import Gate, Samples

Halves = npt.NDArray[np.float16]
Indexes = npt.NDArray[np.intp]

PASSAGES = 128
FEWEST_PASSAGES = 16
# Of all experts together: about a tenth of a millisecond a decision.
MOST_PASSAGES = 2048
MOST_CANDIDATES = 2048
TEXT_CHARS = 240
# A passage that brings its like no nearer than this is one that is there already.
LEAST_GAIN = 1e-3


class SketchMismatch(Invalid):
    def __init__(self, vectors: tuple[int, ...], texts: int, documents: int) -> None:
        super().__init__(
            f"a sketch needs a vector, a text and a document for each passage; there are vectors {vectors}, "
            f"{texts} texts and {documents} documents",
            param="passages",
        )


@dataclass(frozen=True, eq=False)
class Sketch:
    """Ordered by worth: its first passages are the best smaller sketch. Texts are cut, for people to read.

    `documents` are for training alone: a gate does not keep them.
    """

    vectors_PD: Halves
    texts: tuple[str, ...]
    documents: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def first(self, count: int) -> Sketch:
        return Sketch(self.vectors_PD[:count], self.texts[:count], self.documents[:count])


def sketched(
    vectors_PD: Vector, texts: Sequence[str], *, documents: Sequence[str] | None = None, count: int = PASSAGES
) -> Sketch:
    """At most `count` of the passages, so chosen that every passage of the store has one near it; deterministic.

    `vectors_PD` are unit vectors from the gate's encoder. `documents` names the document of each passage, which counts
    for its square root, so that a long one does not crowd out the others. Greedy for the sum of best cosines, which no
    choice of as many passages exceeds by more than 58 % (facility location: Nemhauser, Wolsey and Fisher 1978). Raises
    `SketchMismatch`.
    """
    names = [str(place) for place in range(len(texts))] if documents is None else documents
    if not len(vectors_PD) == len(texts) == len(names):
        raise SketchMismatch(np.shape(vectors_PD), len(texts), len(names))
    if not texts:
        return Sketch(np.zeros((0, vectors_PD.shape[1]), np.float16), (), ())
    candidates_C = _spread(names, MOST_CANDIDATES)
    lengths = Counter(names[int(place)] for place in candidates_C)
    weights_C = np.array([lengths[names[int(place)]] ** -0.5 for place in candidates_C], dtype=np.float32)
    chosen = candidates_C[_representatives(np.asarray(vectors_PD[candidates_C], np.float32), weights_C, count)]
    return Sketch(
        vectors_PD[chosen].astype(np.float16),
        tuple(cut(texts[int(place)]) for place in chosen),
        tuple(names[int(place)] for place in chosen),
    )


def passages_each(experts: int) -> int:
    """How many passages an expert may keep in a gate of so many."""
    return max(FEWEST_PASSAGES, min(PASSAGES, MOST_PASSAGES // max(experts, 1)))


def gathered(sketches: Mapping[str, Sketch], experts: Sequence[str], dimensions: int) -> tuple[Sketch, Indexes]:
    """One after the other in the order of `experts`, as a gate keeps them, and how many each has; at most
    `passages_each` of them."""
    most = passages_each(len(experts))
    empty = Sketch(np.zeros((0, dimensions), np.float16), (), ())
    kept = [empty, *(sketches.get(name, empty).first(most) for name in experts)]
    together = Sketch(
        np.concatenate([sketch.vectors_PD for sketch in kept]),
        tuple(text for sketch in kept for text in sketch.texts),
        tuple(document for sketch in kept for document in sketch.documents),
    )
    return together, np.array([len(sketch) for sketch in kept[1:]], dtype=np.intp)


def cut(text: str) -> str:
    """At most `TEXT_CHARS`, white space folded, at the end of a word where there is one near."""
    folded = " ".join(text[: 4 * TEXT_CHARS].split())
    if len(folded) <= TEXT_CHARS:
        return folded
    head = folded[: TEXT_CHARS - 1]
    space = head.rfind(" ")
    return (head[:space] if space > TEXT_CHARS // 2 else head) + "…"


def with_sketch(gate: Gate, name: str, sketch: Sketch) -> Gate:
    """The gate with this sketch for the expert, instead of the one it had. No other logit moves by a bit."""
    place = gate.index(name)
    start = int(gate.passage_counts[:place].sum())
    end = start + int(gate.passage_counts[place])
    samples = gate.samples
    experts = {**gate.card.experts, name: gate.card.experts[name].model_copy(update={"passages": len(sketch)})}
    card = gate.card.model_copy(update={"created": datetime.now(UTC), "parent": gate.version, "experts": experts})
    return replace(
        gate,
        card=card,
        samples=Samples(
            samples.references_SF,
            samples.reference_texts,
            np.concatenate([samples.passages_PD[:start], sketch.vectors_PD, samples.passages_PD[end:]]),
            samples.passage_texts[:start] + sketch.texts + samples.passage_texts[end:],
        ),
    )


def _spread(documents: Sequence[str], most: int) -> Indexes:
    """At most so many places: every document's first passage, then the second ones, and so on; evenly at the end."""
    if len(documents) <= most:
        return np.arange(len(documents), dtype=np.intp)
    seen: dict[str, int] = {}
    turns: list[list[int]] = []
    for place, document in enumerate(documents):
        turn = seen.get(document, 0)
        seen[document] = turn + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(place)
    taken: list[int] = []
    for places in turns:
        left = min(most - len(taken), len(places))
        taken += [places[int(at)] for at in np.linspace(0, len(places) - 1, left)]
    return np.array(sorted(taken), dtype=np.intp)


def _representatives(vectors_CD: Vector, weights_C: Vector, count: int) -> Indexes:
    """Lazily greedy (Minoux 1978): a gain only falls, so that an old one that is beaten need not be computed again."""
    cosines_CC = np.maximum(vectors_CD @ vectors_CD.T, 0)
    best_C = np.zeros(len(vectors_CD), dtype=np.float32)
    gains = [(-float(gain), place) for place, gain in enumerate(cosines_CC @ weights_C)]
    heapq.heapify(gains)
    chosen: list[int] = []
    while gains and len(chosen) < count:
        _, place = heapq.heappop(gains)
        gain = float(np.maximum(cosines_CC[place] - best_C, 0) @ weights_C)
        if gains and (-gain, place) > gains[0]:
            heapq.heappush(gains, (-gain, place))
            continue
        if gain < LEAST_GAIN:
            break
        chosen.append(place)
        best_C = np.maximum(best_C, cosines_CC[place])
    return np.array(chosen, dtype=np.intp)
