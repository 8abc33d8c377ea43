"""How many tokens a request to an expert is expected to take: a running mean, which moves in steps.

A decision keeps the registry snapshot that it was made from, and thousands share one: so costs must not change with
every answer.
"""

from __future__ import annotations

BEFORE_ANY = 1000.0
NEWEST_SHARE = 0.05
STEP = 1.25  # the mean must have moved by this factor


class ExpectedTokens:
    """One for each API process, read and written on its event loop."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}
        self._used: dict[str, float] = {}

    def expected(self, expert: str) -> float:
        return self._used.get(expert, BEFORE_ANY)

    def note(self, expert: str, tokens: int) -> bool:
        """True when `expected` is another one now."""
        mean = self._means.get(expert, float(tokens))
        mean += NEWEST_SHARE * (tokens - mean)
        self._means[expert] = mean
        used = self.expected(expert)
        if used / STEP <= mean <= used * STEP:
            return False
        stepped = float(f"{mean:.2g}")
        self._used[expert] = stepped
        return stepped != used
