"""Lexical search: BM25 weights built by bm25s, served from its arrays. Legend: W words, P postings, N chunks.

Serving adds up rows of the arrays itself: bm25s would bring scipy with it, 27 MB and 0.3 seconds a start.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from doyen_experts.store.words import words

Scores = npt.NDArray[np.float32]
VOCABULARY, WEIGHTS, ROWS, STARTS = "vocabulary.json", "weights.npy", "rows.npy", "starts.npy"
FILES = (VOCABULARY, WEIGHTS, ROWS, STARTS)


def write_lexical(folder: Path, texts: Sequence[str]) -> None:
    """Writes FILES into the folder. No text, or none with a word, gives an index that finds nothing."""
    tokens = [words(text) for text in texts]
    vocabulary: dict[str, int] = {}
    weights, rows, starts = np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(1, np.int64)
    if any(tokens):
        import bm25s

        # It sets itself to DEBUG and would speak through every handler of the process.
        logging.getLogger("bm25s").setLevel(logging.WARNING)
        for text_words in tokens:
            for word in text_words:
                vocabulary.setdefault(word, len(vocabulary))
        index: Any = bm25s.BM25(backend="numpy", csc_backend="numpy")  # Any: bm25s is not typed
        ids = [[vocabulary[word] for word in text_words] for text_words in tokens]
        index.index((ids, vocabulary), create_empty_token=False, show_progress=False)
        weights, rows, starts = (index.scores[name] for name in ("data", "indices", "indptr"))
    np.save(folder / WEIGHTS, weights.astype(np.float32))
    np.save(folder / ROWS, rows.astype(np.int32))
    np.save(folder / STARTS, starts.astype(np.int64))
    (folder / VOCABULARY).write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")


class LexicalIndex:
    """Read-only and thread-safe; the arrays stay in the files (memory-mapped)."""

    def __init__(self, folder: Path, *, size: int) -> None:
        self._size = size
        self._vocabulary: dict[str, int] = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
        self._weights_P, self._rows_P, self._starts_W = (
            np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in (WEIGHTS, ROWS, STARTS)
        )
        # BM25 gives a word its greatest idf when a single chunk has it; a word that none has weighs as much.
        self._unseen = math.log(1 + (size + 0.5) / 1.5)

    def scores(self, question: str) -> Scores:
        """For each chunk the part in [0, 1] of the question's possible score; zero without a common word."""
        scores_N = np.zeros(self._size, np.float32)
        possible = 0.0
        for word in dict.fromkeys(words(question)):
            at = self._vocabulary.get(word)
            if at is None:
                possible += self._unseen
                continue
            start, end = int(self._starts_W[at]), int(self._starts_W[at + 1])
            weights_P = self._weights_P[start:end]
            scores_N[self._rows_P[start:end]] += weights_P
            possible += float(weights_P.max())
        return scores_N / np.float32(possible) if possible > 0 else scores_N
