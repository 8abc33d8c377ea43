"""Random numbers that depend on a key and a name alone: one expert's draw is the same whoever else is there.

Counter-based by BLAKE2b, not a library's generator: a replay gives the same bits on every version and platform.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

BITS = 52
SEED_MASK = (1 << 128) - 1


def draw(seed: int, name: str) -> float:
    """Uniform in (0, 1), independent for each pair of seed and name."""
    return (_number((seed & SEED_MASK).to_bytes(16, "little"), name) + 0.5) * 2.0**-BITS


def by_rendezvous(key: bytes, names: Iterable[str]) -> list[str]:
    """Highest weight for the key first: who is first keeps the key until it leaves (Thaler and Ravishankar 1998)."""
    short = hashlib.blake2b(key, digest_size=16).digest()
    return sorted(names, key=lambda name: (-_number(short, name), name))


def _number(key: bytes, name: str) -> int:
    """One bit fewer than a float holds, so that half of one can be added exactly."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
    return int.from_bytes(digest, "little") >> (64 - BITS)
