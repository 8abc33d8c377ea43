"""Concurrent callers of one event loop. Also used in the rival's environment: it imports nothing of Doyen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

ALONE = 60

Choose = Callable[[str], Coroutine[Any, Any, str]]


async def asked_at_once(choose: Choose, texts: Sequence[str], callers: int) -> tuple[float, list[str], list[float]]:
    """Seconds of all, the choices in the order of the texts, and each one's latency in seconds."""
    choices = [""] * len(texts)
    latencies = [0.0] * len(texts)

    async def caller(waiting: Iterator[tuple[int, str]]) -> None:
        for place, text in waiting:
            begun = time.perf_counter()
            choices[place] = await choose(text)
            latencies[place] = time.perf_counter() - begun

    waiting = iter(enumerate(texts))
    started = time.perf_counter()
    await asyncio.gather(*(caller(waiting) for _ in range(callers)))
    return time.perf_counter() - started, choices, latencies


async def asked_alone(choose: Choose, texts: Sequence[str]) -> list[float]:
    """Latencies of one caller who waits for each answer."""
    return (await asked_at_once(choose, texts[:ALONE], 1))[2]
