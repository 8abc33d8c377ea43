"""The labelled sets, and their vectors: every text is encoded once, for the gate and for its rivals alike.

Legend: N texts, D dimensions of the encoder.
"""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from doyen_router import Example, OnnxEncoder, Vector, packaged_encoder, read_examples, read_texts
from doyen_router.text_features import featured

ENCODED_AT_ONCE = 512
TEXTS, VECTORS = "texts.json", "vectors.npy"


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything is measured. None is all there is."""

    train_each: int | None = None
    test_each: int | None = None
    newcomers: int | None = None
    seeds: int = 5
    decisions: int = 5_000
    encodings: int = 600
    throughput_texts: int = 960
    callers: int = 64


FULL = Size()
QUICK = Size(
    train_each=12, test_each=4, newcomers=2, seeds=1, decisions=200, encodings=20, throughput_texts=40, callers=8
)


@dataclass(frozen=True)
class Sets:
    """CLINC's expert is the domain and its fine label the intent; BANKING77 has intents alone. `outside` is of no
    domain, and nothing of it is ever trained on."""

    clinc_train: list[Example]
    clinc_test: list[Example]
    outside: list[str]
    banking_train: list[Example]
    banking_test: list[Example]

    def texts(self) -> list[str]:
        """Each once, the shortest first: the encoder pads less within a batch."""
        labelled = (*self.clinc_train, *self.clinc_test, *self.banking_train, *self.banking_test)
        return sorted({*(example.text for example in labelled), *self.outside}, key=lambda text: (len(text), text))


def read_sets(folder: Path, size: Size) -> Sets:
    def clinc(part: str, each: int | None) -> list[Example]:
        path = folder / "clinc150" / f"{part}.jsonl"
        return _some(read_examples(path, label_field="domain", fine_field="intent"), each)

    def banking(part: str, each: int | None) -> list[Example]:
        return _some(read_examples(folder / "banking77" / f"{part}.jsonl", label_field="intent"), each)

    return Sets(
        clinc("train", size.train_each),
        clinc("val", size.test_each),
        read_texts(folder / "clinc150" / "oos_val.jsonl"),
        banking("train", size.train_each),
        banking("dev", size.test_each),
    )


def domains_alone(examples: Sequence[Example]) -> list[Example]:
    return [Example(example.text, example.expert) for example in examples]


def intents_alone(examples: Sequence[Example]) -> list[Example]:
    return [Example(example.text, example.fine or "") for example in examples]


class KnownVectors:
    """An `Encoder` of the texts that were encoded before; any other is a `KeyError`."""

    def __init__(self, identity: str, texts: Sequence[str], vectors_ND: Vector) -> None:
        self._identity = identity
        self._places = {text: place for place, text in enumerate(texts)}
        self._vectors_ND = vectors_ND

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def dimensions(self) -> int:
        return int(self._vectors_ND.shape[1])

    @property
    def max_tokens(self) -> int:
        return 256

    def encode(self, texts: Sequence[str], *, max_tokens: int | None = None) -> Vector:
        del max_tokens  # the texts are short
        return self._vectors_ND[[self._places[text] for text in texts]]

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def features(self, texts: Sequence[str]) -> Vector:
        return featured(self.encode(texts), texts)


@functools.cache
def encoder() -> OnnxEncoder:
    """One a process, of one thread."""
    return packaged_encoder(threads=1)


def encode_all(texts: Sequence[str], folder: Path, lanes: Executor) -> None:
    """Leaves texts and vectors in `folder`, for the processes that measure."""
    runs = [texts[start : start + ENCODED_AT_ONCE] for start in range(0, len(texts), ENCODED_AT_ONCE)]
    np.save(folder / VECTORS, np.concatenate(list(lanes.map(_encoded, runs))))
    (folder / TEXTS).write_text(json.dumps({"identity": encoder().identity, "texts": list(texts)}))


def known_vectors(folder: Path) -> KnownVectors:
    told = json.loads((folder / TEXTS).read_text())
    return KnownVectors(told["identity"], told["texts"], np.load(folder / VECTORS))


def _encoded(texts: Sequence[str]) -> Vector:
    return encoder().encode(texts)


def _some(examples: list[Example], each: int | None) -> list[Example]:
    """The first few of each finest label."""
    if each is None:
        return examples
    counts: dict[str, int] = defaultdict(int)
    kept: list[Example] = []
    for example in examples:
        label = example.fine or example.expert
        counts[label] += 1
        if counts[label] <= each:
            kept.append(example)
    return kept
