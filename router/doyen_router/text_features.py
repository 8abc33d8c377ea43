"""What the gate reads of a text: the encoder's unit vector, and beside it a sketch of the words themselves.

An encoder blurs names and rare terms, which often decide a domain; words alone miss paraphrases. The sketch needs no
vocabulary and no training, so it is the same for every gate, and a domain that joins later has it too.
Legend: N texts, D dimensions of the encoder, L of the sketch, F = D + L features, G grams of one text.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Encoder, Vector

LEXICAL_DIMENSIONS = 512  # the bits of one BLAKE2b digest
GRAM_LENGTHS = (3, 4)
READ_CHARS = 2_000
WORD_CHARS = 64  # what is longer is code or a key, and its beginning is as good
WORDS_CACHED = 16_384  # 1 kB each

Signs = npt.NDArray[np.int16]

WORD = re.compile(r"\w+")


def features(encoder: Encoder, texts: Sequence[str]) -> Vector:
    """What `fit_gate`, `decide` and `evaluate` take, (N, F). The two parts have unit length each."""
    return featured(encoder.encode(texts), texts)


def featured(vectors_ND: Vector, texts: Sequence[str]) -> Vector:
    """The same from vectors that are there already, (N, F)."""
    dimensions = vectors_ND.shape[1]
    features_NF = np.empty((len(texts), dimensions + LEXICAL_DIMENSIONS), dtype=np.float32)
    features_NF[:, :dimensions] = vectors_ND
    for row_F, text in zip(features_NF, texts, strict=True):
        row_F[dimensions:] = lexical_sketch(text)
    return features_NF


def lexical_sketch(text: str) -> Vector:
    """The text's words, pairs of words and character n-grams, hashed to random signs and added up; unit length.

    The dot product of two sketches approximates the cosine of the two bags of grams, to about 1 / sqrt(L) (Johnson and
    Lindenstrauss 1984; signs: Achlioptas 2003). Zero for a text without a word. Beyond `READ_CHARS` nothing is read.
    """
    # Cut twice: some characters are words when they are normalised.
    normal = unicodedata.normalize("NFKC", text[:READ_CHARS]).casefold()[:READ_CHARS]
    words = [word[:WORD_CHARS] for word in WORD.findall(normal)]
    if not words:
        return np.zeros(LEXICAL_DIMENSIONS, dtype=np.float32)
    counts, pairs = Counter(words), Counter(pairwise(words))
    if len(counts) == len(words):
        # No word twice, as in most short texts: whole numbers are added up, and no logarithm is taken.
        bits_PL = _bits(map(" ".join, pairs))
        sums_L = np.add.reduce([_word_signs(word) for word in counts]) + 2 * bits_PL.sum(axis=0, dtype=np.int16)
        sketch_L = (sums_L - len(bits_PL)).astype(np.float32)
    else:
        signs_GL = np.concatenate([np.stack([_word_signs(word) for word in counts]), _signs(map(" ".join, pairs))])
        weights_G = 1 + np.log(np.array([*counts.values(), *pairs.values()], dtype=np.float32))
        sketch_L = weights_G @ signs_GL.astype(np.float32)
    length = float(np.sqrt(sketch_L @ sketch_L))
    return np.asarray(sketch_L / length if length else sketch_L, dtype=np.float32)


# Texts share most of their words, and a word is a dozen grams: with the cache a sketch costs a fifth.
@lru_cache(maxsize=WORDS_CACHED)
def _word_signs(word: str) -> Signs:
    """The sum of the signs of a word and of its character n-grams, (L,)."""
    marked = f"<{word}>"
    grams = [f"#{marked[at : at + n]}" for n in GRAM_LENGTHS for at in range(len(marked) - n + 1)]
    return np.asarray(_signs([word, *grams]).sum(axis=0, dtype=np.int16))


def _signs(grams: Iterable[str]) -> Signs:
    """1 or -1 for each bit of each gram's digest, (G, L)."""
    return 2 * _bits(grams).astype(np.int16) - 1


def _bits(grams: Iterable[str]) -> npt.NDArray[np.uint8]:
    digests = b"".join([hashlib.blake2b(gram.encode("utf-8", "surrogatepass")).digest() for gram in grams])
    return np.unpackbits(np.frombuffer(digests, dtype=np.uint8)).reshape(-1, LEXICAL_DIMENSIONS)
