"""Many concurrent callers, distinct texts: Doyen and aurelio's `semantic-router`, by turns, on the same encoder."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.gate.callers import asked_alone, asked_at_once
from benchmarks.gate.data import KnownVectors, Size, encoder
from benchmarks.gate.rival import Rival, RivalUnavailable
from benchmarks.gate.speed import percentiles
from doyen_router import BatchedEncoder, Example, Gate, Policy, decide, snapshot_of
from doyen_router.text_features import featured

ROUNDS = 2
WARM_UP = 20


def throughput(
    gate: Gate, train: Sequence[Example], test: Sequence[Example], known: KnownVectors, cache: Path, size: Size
) -> dict[str, Any]:
    """`ours` and `rival`: decisions a second over all rounds, accuracy on the texts asked, latency of a lone caller.

    When the rival cannot be installed, `rival` is None and `why` says what is in the way.
    """
    asked = _spread(test, size.throughput_texts)
    rounds = [asked[turn::ROUNDS] for turn in range(ROUNDS)]
    ours: list[dict[str, Any]] = []
    rivals: list[dict[str, Any]] = []
    why: str | None = None
    try:
        with Rival(cache, train, known) as rival:
            for texts in rounds:
                ours.append(_asked_of_doyen(gate, texts, size.callers))
                rivals.append(rival.asked([example.text for example in texts], size.callers))
            version = rival.version
    except RivalUnavailable as error:
        why, version = str(error), None
        ours = [_asked_of_doyen(gate, texts, size.callers) for texts in rounds]
    return {
        "callers": size.callers,
        "texts": len(asked),
        "training_texts": len(train),
        "ours": _summary(ours, rounds),
        "rival": None if why else _summary(rivals, rounds),
        "rival_version": version,
        "why": why,
    }


def _asked_of_doyen(gate: Gate, examples: Sequence[Example], callers: int) -> dict[str, Any]:
    snapshot, policy = snapshot_of(gate), Policy()

    async def measured() -> dict[str, Any]:
        texts = [example.text for example in examples]
        # New ones each time: nothing is in their caches.
        busy, idle = BatchedEncoder(encoder()), BatchedEncoder(encoder())

        async def choose(text: str, batched: BatchedEncoder = busy) -> str:
            features_F = featured((await batched.encode_one(text))[None, :], [text])[0]
            choice = decide(gate, features_F, snapshot, policy)
            # Also where the gate would abstain: the rival is measured without a threshold, too.
            return choice.experts[0] if choice.experts else (choice.runner_up or "")

        for number in range(WARM_UP):
            await choose(f"warm-up number {number}")
        seconds, choices, latencies = await asked_at_once(choose, texts, callers)
        alone = await asked_alone(lambda text: choose(text, idle), texts)
        busy.close()
        idle.close()
        return {"seconds": seconds, "choices": choices, "latencies": latencies, "alone": alone}

    return asyncio.run(measured())


def _summary(measured: Sequence[dict[str, Any]], rounds: Sequence[Sequence[Example]]) -> dict[str, Any]:
    asked = [example for texts in rounds for example in texts]
    choices = [choice for one in measured for choice in one["choices"]]
    right = sum(choice == example.expert for choice, example in zip(choices, asked, strict=True))
    return {
        "decisions_per_second": len(asked) / sum(one["seconds"] for one in measured),
        "decisions_per_second_by_round": [
            round(len(texts) / one["seconds"], 1) for texts, one in zip(rounds, measured, strict=True)
        ],
        "accuracy": right / len(asked),
        "under_load_ms": percentiles([latency for one in measured for latency in one["latencies"]], 1e3),
        "alone_ms": percentiles([latency for one in measured for latency in one["alone"]], 1e3),
    }


def _spread(test: Sequence[Example], count: int) -> list[Example]:
    """Distinct texts over the whole of the set, which lies sorted by intent."""
    distinct = list({example.text: example for example in test}.values())
    step = max(1, len(distinct) // count)
    return distinct[::step][:count]
