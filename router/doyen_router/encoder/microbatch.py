"""One encoder for many concurrent asyncio callers: a cache, one encoding per distinct text, batches of what waits.

It never waits for a batch to fill: an idle encoder starts at once, and what arrives meanwhile travels together next.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import OrderedDict, deque
from queue import SimpleQueue

from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.errors import Unavailable


class EncoderBusy(Unavailable):
    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} texts wait for the encoder already; try again", retry_after_seconds=1.0)


class EncoderClosed(Unavailable):
    def __init__(self) -> None:
        super().__init__("the encoder is shutting down", retry_after_seconds=5.0)


Batch = list[tuple[bytes, str]]


class BatchedEncoder:
    """Belongs to one event loop. Vectors are shared with the cache and therefore read-only.

    A thread of its own encodes: what an executor adds to each hand-over is felt beside an inference of a millisecond.
    """

    def __init__(
        self, encoder: Encoder, *, max_batch: int = 32, max_waiting: int = 512, cache_size: int = 4096
    ) -> None:
        self.encoder = encoder
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._cache_size = cache_size
        self._cache: OrderedDict[bytes, Vector] = OrderedDict()
        # Each caller has a future of its own, so that one that goes away takes the vector from nobody.
        self._callers: dict[bytes, list[asyncio.Future[Vector]]] = {}
        self._waiting: deque[tuple[bytes, str]] = deque()
        self._batches: SimpleQueue[tuple[asyncio.AbstractEventLoop, Batch] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._running = False
        self._closed = False

    async def encode_one(self, text: str) -> Vector:
        """The unit vector (D,) of `text`. Raises `EncoderBusy` at once when too many texts wait."""
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        cached = self._cache.get(key)
        if cached is not None:
            self._cache.move_to_end(key)
            return cached
        if key not in self._callers:
            self._enqueue(key, text)
        future: asyncio.Future[Vector] = asyncio.get_running_loop().create_future()
        self._callers[key].append(future)
        return await future

    def close(self) -> None:
        """Waits for the running batch; whoever waits behind it gets `EncoderClosed`."""
        self._closed = True
        while self._waiting:
            key, _ = self._waiting.popleft()
            self._settle(key, EncoderClosed())
        self._batches.put(None)
        if self._thread is not None:
            self._thread.join()

    def _enqueue(self, key: bytes, text: str) -> None:
        if self._closed:
            raise EncoderClosed
        if len(self._waiting) >= self._max_waiting:
            raise EncoderBusy(len(self._waiting))
        self._callers[key] = []
        self._waiting.append((key, text))
        if not self._running:
            self._running = True
            # Not at once: what else arrives in this turn of the loop shall travel along.
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(self._max_batch, len(self._waiting)))]
        if not batch:
            self._running = False
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="encoder", daemon=True)
            self._thread.start()
        self._batches.put((asyncio.get_running_loop(), batch))

    def _work(self) -> None:
        while (order := self._batches.get()) is not None:
            loop, batch = order
            outcomes = self._outcomes([text for _, text in batch])
            try:
                loop.call_soon_threadsafe(self._receive, batch, outcomes)
            except RuntimeError:
                return  # the loop was closed, and everybody who waited went with it

    def _receive(self, batch: Batch, outcomes: list[Vector | Exception]) -> None:
        for (key, _), outcome in zip(batch, outcomes, strict=True):
            self._settle(key, outcome)
        self._send()

    def _outcomes(self, texts: list[str]) -> list[Vector | Exception]:
        try:
            return list(self.encoder.encode(texts))
        except Exception as error:
            if len(texts) == 1:
                return [error]
            # One text that the encoder cannot take must not fail the strangers it travels with.
            return [outcome for text in texts for outcome in self._outcomes([text])]

    def _settle(self, key: bytes, outcome: Vector | Exception) -> None:
        waiting = [future for future in self._callers.pop(key) if not future.done()]
        if isinstance(outcome, Exception):
            for future in waiting:
                future.set_exception(outcome)
            return
        vector_D = outcome.copy()
        vector_D.flags.writeable = False
        for future in waiting:
            future.set_result(vector_D)
        self._cache[key] = vector_D
        if len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
