"""Chunks on disk: one JSON line each and a table of where the lines start, read one by one when a search needs them."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from doyen_experts.store.documents import Chunk

FILE, OFFSETS = "chunks.jsonl", "offsets.npy"


def write_texts(folder: Path, chunks: Iterable[Chunk]) -> None:
    offsets = [0]
    with (folder / FILE).open("wb") as file:
        for chunk in chunks:
            line = json.dumps(asdict(chunk), ensure_ascii=False).encode() + b"\n"
            offsets.append(offsets[-1] + len(line))
            file.write(line)
    np.save(folder / OFFSETS, np.asarray(offsets, np.int64))


class Texts:
    """Read-only and thread-safe: the lines stay in the file until they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._offsets = np.load(folder / OFFSETS, allow_pickle=False)
        self._lines: mmap.mmap | bytes = b""
        if self._offsets[-1]:  # an empty file cannot be mapped
            with (folder / FILE).open("rb") as file:
                self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, row: int) -> Chunk:
        return Chunk(**json.loads(self._lines[int(self._offsets[row]) : int(self._offsets[row + 1])]))

    def __iter__(self) -> Iterator[Chunk]:
        return (self[row] for row in range(len(self)))
