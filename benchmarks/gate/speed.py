"""What a decision costs: without the encoder for a hundred experts, and with it beside the bare inference.

Legend: R rows, E experts, P passages, D dimensions of the encoder, L of the words' sketch, F = D + L.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
from tokenizers import Tokenizer

from benchmarks.gate.data import Size
from doyen_router import Gate, Policy, Vector, decide, snapshot_of
from doyen_router.encoder.onnx import OnnxEncoder
from doyen_router.encoder.packaged import packaged_files
from doyen_router.gate.card import EvidenceScale, ExpertFacts, GateCard
from doyen_router.gate.clusters import unit
from doyen_router.gate.gate import Rows, Samples
from doyen_router.text_features import LEXICAL_DIMENSIONS, featured

EXPERTS, DIMENSIONS = 100, 384
WARM_UP = 50

Item = TypeVar("Item")


def without_encoder(size: Size) -> dict[str, dict[str, float]]:
    """`decide` on ready features, in microseconds."""
    shapes = {"one_row": (1, 0), "four_rows": (4, 0), "one_row_20_passages": (1, 20)}
    return {name: _decided(large_gate(rows, passages), size.decisions) for name, (rows, passages) in shapes.items()}


def with_encoder(gate: Gate, texts: Sequence[str], encoder: OnnxEncoder) -> dict[str, Any]:
    """One text at a time, in milliseconds: the bare inference of its tokens, tokens and inference, and the decision.

    They take turns on each text, so that all three see the same machine; who begins changes with every text.
    """
    # The encoder's own session: of two, each would push the other's weights out of the processor's cache.
    session = encoder._session
    tokenizer = Tokenizer.from_file(str(packaged_files()[1]))
    tokenizer.no_padding()
    feeds = {text: _feed(tokenizer, text) for text in texts}
    snapshot, policy = snapshot_of(gate), Policy()

    def decided(text: str) -> None:
        decide(gate, featured(encoder.encode([text]), [text])[0], snapshot, policy)

    ways: list[tuple[str, Callable[[str], object]]] = [
        ("bare_inference", lambda text: session.run(None, feeds[text])),
        ("tokens_and_inference", lambda text: session.run(None, _feed(tokenizer, text))),
        ("encoded_and_decided", decided),
    ]
    elapsed: dict[str, list[float]] = {name: [] for name, _ in ways}
    warming = [(text, False) for text in texts[:WARM_UP]]
    for turn, (text, counts) in enumerate([*warming, *((text, True) for text in texts)]):
        for name, way in ways[turn % 3 :] + ways[: turn % 3]:
            started = time.perf_counter()
            way(text)
            if counts:
                elapsed[name].append(time.perf_counter() - started)
    figures: dict[str, Any] = {name: percentiles(seconds, 1e3) for name, seconds in elapsed.items()}
    figures["ratio"] = figures["encoded_and_decided"]["p50"] / figures["bare_inference"]["p50"]
    return figures


def large_gate(rows_each: int, passages_each: int) -> Gate:
    """A hundred experts of random rows."""
    random = np.random.default_rng(0)

    def directions(count: int, width: int) -> Vector:
        return unit(random.standard_normal((count, width)).astype(np.float32))

    rows, passages = EXPERTS * rows_each, EXPERTS * passages_each
    prototypes_RD = directions(rows, DIMENSIONS)
    weights_RF = np.concatenate([8 * prototypes_RD, 4 * directions(rows, LEXICAL_DIMENSIONS)], axis=1)
    facts = ExpertFacts(origin="trained", rows=("topic",) * rows_each, references=0, examples=1, passages=passages_each)
    card = GateCard(
        created=datetime.now(UTC),
        encoder_identity="benchmark",
        encoder_dimensions=DIMENSIONS,
        lexical_dimensions=LEXICAL_DIMENSIONS,
        experts={f"expert-{place:03}": facts for place in range(EXPERTS)},
        evidence=EvidenceScale(top_weight=4.0 if passages_each else 0.0),
    )
    samples = Samples(
        np.zeros((0, weights_RF.shape[1]), np.float16),
        (),
        directions(passages, DIMENSIONS).astype(np.float16),
        ("",) * passages,
    )
    return Gate(card, Rows(weights_RF, np.zeros(rows, np.float32), prototypes_RD), samples)


def percentiles(seconds: Sequence[float], unit_per_second: float) -> dict[str, float]:
    p50, p99 = np.quantile(np.array(seconds) * unit_per_second, [0.5, 0.99])
    return {"p50": round(float(p50), 4), "p99": round(float(p99), 4)}


def timed(way: Callable[[Item], object], items: Sequence[Item]) -> list[float]:
    """Seconds of each, after some that do not count."""
    for item in items[:WARM_UP]:
        way(item)
    elapsed: list[float] = []
    for item in items:
        started = time.perf_counter()
        way(item)
        elapsed.append(time.perf_counter() - started)
    return elapsed


def _decided(gate: Gate, count: int) -> dict[str, float]:
    random = np.random.default_rng(1)
    shapes = (DIMENSIONS, LEXICAL_DIMENSIONS)
    features_NF = np.concatenate(
        [unit(random.standard_normal((count, width)).astype(np.float32)) for width in shapes], axis=1
    )
    # The floor would end most decisions on random texts early.
    snapshot, policy = snapshot_of(gate), replace(Policy(), inside_floor=0.0)
    return percentiles(timed(lambda features_F: decide(gate, features_F, snapshot, policy), list(features_NF)), 1e6)


def _feed(tokenizer: Tokenizer, text: str) -> dict[str, Any]:
    ids = np.array([tokenizer.encode(text).ids], np.int64)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
