import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from doyen_router.encoder.contract import Vector
from doyen_router.encoder.microbatch import BatchedEncoder, EncoderBusy, EncoderClosed


class LengthEncoder:
    """The vector of a text is its length; `gate` holds encoding back; "bad" cannot be encoded."""

    identity, dimensions, max_tokens = "length", 1, 8

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[list[str]] = []

    def encode(self, texts: Sequence[str], *, max_tokens: int | None = None) -> Vector:
        self.batches.append(list(texts))
        assert self.gate.wait(5)
        if "bad" in texts:
            raise ValueError("bad text")
        return np.array([[len(text)] for text in texts], dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        return len(text)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0.005)


def test_concurrent_texts_travel_in_bounded_batches_and_come_back_right():
    async def run() -> None:
        inner = LengthEncoder()
        batched = BatchedEncoder(inner, max_batch=8)
        texts = ["x" * length for length in range(1, 41)]
        vectors = await asyncio.gather(*(batched.encode_one(text) for text in texts))
        assert [int(vector[0]) for vector in vectors] == list(range(1, 41))
        assert len(inner.batches) == 5
        assert all(len(batch) <= 8 for batch in inner.batches)
        batched.close()

    asyncio.run(run())


def test_one_text_is_encoded_once_and_then_cached():
    async def run() -> None:
        inner = LengthEncoder()
        batched = BatchedEncoder(inner, cache_size=2)
        vectors = await asyncio.gather(*(batched.encode_one("same") for _ in range(20)))
        assert inner.batches == [["same"]]
        assert all(vector is vectors[0] for vector in vectors)
        with pytest.raises(ValueError, match="read-only"):
            vectors[0][0] = 1
        await batched.encode_one("b")
        await batched.encode_one("c")
        await batched.encode_one("same")
        assert inner.batches[-1] == ["same"], "the oldest has left a cache of two"
        batched.close()

    asyncio.run(run())


def test_a_cancelled_caller_harms_nobody_else():
    async def run() -> None:
        inner = LengthEncoder()
        inner.gate.clear()
        batched = BatchedEncoder(inner)
        leaver = asyncio.create_task(batched.encode_one("text"))
        stayer = asyncio.create_task(batched.encode_one("text"))
        other = asyncio.create_task(batched.encode_one("other one"))
        await settle()
        leaver.cancel()
        await settle()
        inner.gate.set()
        assert (await stayer)[0] == 4
        assert (await other)[0] == 9
        assert leaver.cancelled()
        batched.close()

    asyncio.run(run())


def test_a_full_queue_refuses_at_once():
    async def run() -> None:
        inner = LengthEncoder()
        inner.gate.clear()
        batched = BatchedEncoder(inner, max_waiting=3)
        first = asyncio.create_task(batched.encode_one("running"))
        await settle()
        waiting = [asyncio.create_task(batched.encode_one(f"waits {number}")) for number in range(3)]
        await settle()
        with pytest.raises(EncoderBusy) as refused:
            await batched.encode_one("too many")
        assert refused.value.retry_after_seconds == 1.0
        inner.gate.set()
        await asyncio.gather(first, *waiting)
        assert (await batched.encode_one("too many"))[0] == 8
        batched.close()

    asyncio.run(run())


def test_a_text_that_fails_fails_alone():
    async def run() -> None:
        inner = LengthEncoder()
        inner.gate.clear()
        batched = BatchedEncoder(inner)
        first = asyncio.create_task(batched.encode_one("running"))
        await settle()
        together = asyncio.gather(*(batched.encode_one(text) for text in ("a", "bad", "ccc")), return_exceptions=True)
        await settle()
        inner.gate.set()
        good, bad, also_good = await together
        assert isinstance(bad, ValueError)
        assert not isinstance(good, BaseException)
        assert not isinstance(also_good, BaseException)
        assert (int(good[0]), int(also_good[0])) == (1, 3)
        await first
        batched.close()

    asyncio.run(run())


def test_closing_tells_those_who_wait():
    async def run() -> None:
        inner = LengthEncoder()
        inner.gate.clear()
        batched = BatchedEncoder(inner, max_batch=1)
        running = asyncio.create_task(batched.encode_one("running"))
        await settle()
        waiting = asyncio.create_task(batched.encode_one("waiting"))
        await settle()
        threading.Timer(0.02, inner.gate.set).start()
        batched.close()
        assert (await running)[0] == 7
        with pytest.raises(EncoderClosed):
            await waiting
        with pytest.raises(EncoderClosed):
            await batched.encode_one("later")

    asyncio.run(run())
