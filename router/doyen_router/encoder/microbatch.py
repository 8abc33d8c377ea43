"""One encoder for many concurrent asyncio callers: a cache, one encoding per distinct text, batches of what waits.

It never waits for a batch to fill: an idle encoder starts at once, and what arrives meanwhile travels together next.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor

from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.errors import Unavailable


class EncoderBusy(Unavailable):
    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} texts wait for the encoder already; try again", retry_after_seconds=1.0)


class EncoderClosed(Unavailable):
    def __init__(self) -> None:
        super().__init__("the encoder is shutting down", retry_after_seconds=5.0)


class BatchedEncoder:
    """Belongs to one event loop. Vectors are shared with the cache and therefore read-only."""

    def __init__(
        self, encoder: Encoder, *, max_batch: int = 32, max_waiting: int = 512, cache_size: int = 4096
    ) -> None:
        self.encoder = encoder
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._cache_size = cache_size
        self._cache: OrderedDict[bytes, Vector] = OrderedDict()
        self._futures: dict[bytes, asyncio.Future[Vector]] = {}
        self._waiting: deque[tuple[bytes, str]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encoder")
        self._running: asyncio.Task[None] | None = None
        self._closed = False

    async def encode_one(self, text: str) -> Vector:
        """The unit vector (D,) of `text`. Raises `EncoderBusy` at once when too many texts wait."""
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        cached = self._cache.get(key)
        if cached is not None:
            self._cache.move_to_end(key)
            return cached
        future = self._futures.get(key)
        if future is None:
            future = self._enqueue(key, text)
        # A caller that goes away must not take the vector from the others who wait for the same text.
        return await asyncio.shield(future)

    def close(self) -> None:
        """Waits for the running batch; whoever waits behind it gets `EncoderClosed`."""
        self._closed = True
        while self._waiting:
            key, _ = self._waiting.popleft()
            self._settle(key, EncoderClosed())
        self._thread.shutdown(wait=True)

    def _enqueue(self, key: bytes, text: str) -> asyncio.Future[Vector]:
        if self._closed:
            raise EncoderClosed
        if len(self._waiting) >= self._max_waiting:
            raise EncoderBusy(len(self._waiting))
        loop = asyncio.get_running_loop()
        future = self._futures[key] = loop.create_future()
        self._waiting.append((key, text))
        if self._running is None:
            self._running = loop.create_task(self._run())
        return future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._max_batch, len(self._waiting)))]
                outcomes = await loop.run_in_executor(self._thread, self._outcomes, [text for _, text in batch])
                for (key, _), outcome in zip(batch, outcomes, strict=True):
                    self._settle(key, outcome)
        finally:
            self._running = None

    def _outcomes(self, texts: list[str]) -> list[Vector | Exception]:
        try:
            return list(self.encoder.encode(texts))
        except Exception as error:
            if len(texts) == 1:
                return [error]
            # One text that the encoder cannot take must not fail the strangers it travels with.
            return [outcome for text in texts for outcome in self._outcomes([text])]

    def _settle(self, key: bytes, outcome: Vector | Exception) -> None:
        future = self._futures.pop(key)
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
            future.exception()  # marks it as seen: every caller may have gone away
            return
        vector_D = outcome.copy()
        vector_D.flags.writeable = False
        future.set_result(vector_D)
        self._cache[key] = vector_D
        if len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
