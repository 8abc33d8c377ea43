"""Runs in the rival's own environment: reads a task's folder, then one JSON line for each round of questions.

    python -m benchmarks.gate.rival_process FOLDER

Beside the rival it has numpy, ONNX Runtime and tokenizers, and of Doyen the encoder alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gate.callers import asked_alone, asked_at_once
from doyen_router.encoder.onnx import OnnxEncoder

WARM_UP = 20


def router(task: dict[str, Any], vectors: Any) -> Any:
    """Its defaults: an index in memory, the mean of the five nearest texts, no threshold."""
    # Of its own environment, where alone this runs: nothing here knows its types.
    library: Any = import_module("semantic_router")
    encoders: Any = import_module("semantic_router.encoders")

    inner = OnnxEncoder(Path(task["model"]), Path(task["tokenizer"]), threads=1, identity=task["identity"])
    known = dict(zip(task["texts"], vectors.tolist(), strict=True))

    class SameEncoder(encoders.DenseEncoder):  # type: ignore[misc]  # its types are not known here
        """Without `acall`: the router then runs it in threads of its own, which leaves its loop free."""

        def __call__(self, docs: list[str]) -> list[list[float]]:
            if all(text in known for text in docs):
                return [known[text] for text in docs]
            vectors: list[list[float]] = inner.encode(docs).tolist()
            return vectors

    routes = [
        library.Route(
            name=name,
            utterances=[text for text, expert in zip(task["texts"], task["experts"], strict=True) if expert == name],
        )
        for name in sorted(set(task["experts"]))
    ]
    made = library.IndexedRouter(encoder=SameEncoder(name="doyen"), routes=routes)
    known.clear()
    return made


async def measured(made: Any, texts: list[str], callers: int) -> dict[str, Any]:
    async def choose(text: str) -> str:
        return str((await made.acall(text)).name)

    for number in range(WARM_UP):
        await choose(f"warm-up number {number}")
    seconds, choices, latencies = await asked_at_once(choose, texts, callers)
    return {
        "seconds": seconds,
        "choices": choices,
        "latencies": latencies,
        "alone": await asked_alone(choose, texts),
    }


def main() -> None:
    folder = Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    made = router(task, np.load(folder / "vectors.npy"))
    print(json.dumps({"version": metadata.version("semantic-router")}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(asyncio.run(measured(made, question["texts"], question["callers"]))), flush=True)


if __name__ == "__main__":
    main()
