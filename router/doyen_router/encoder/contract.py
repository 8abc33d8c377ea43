"""What an encoder is. Legend: N texts, D dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]


class Encoder(Protocol):
    """Turns texts into unit vectors. Thread-safe; deterministic on one machine."""

    @property
    def identity(self) -> str:
        """SHA-256 over weights, tokenizer and pooling: two encoders with one identity give the same vectors."""
        ...

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """Longer texts are truncated, special tokens included."""
        ...

    def encode(self, texts: Sequence[str], *, max_tokens: int | None = None) -> Vector:
        """Unit vectors, shape (N, D), float32. `max_tokens` shortens further. An empty text is allowed."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of the whole text, special tokens included, before any truncation."""
        ...


def truncates(encoder: Encoder, text: str) -> bool:
    """Whether the end of the text is not read by the encoder."""
    return encoder.count_tokens(text) > encoder.max_tokens
