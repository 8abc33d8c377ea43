"""Named context features: what "locale=de" or "previous=tax" says of who should answer, beside the text.

Each pair of name and value adds an offset of its own to each expert's logit. Legend: N texts, E experts, C pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

# A prior: an offset of this size is one deviation away. What was seen a few times moves little.
DEVIATION = 1.0
BOUND = 4.0
FEWEST = 5  # texts with the pair


def pairs(context: Mapping[str, str]) -> list[str]:
    """The features of one request as the gate's card names them."""
    return [f"{name}={value}" for name, value in sorted(context.items())]


def known_pairs(contexts: Sequence[Mapping[str, str]]) -> list[str]:
    """Those that enough texts have to learn from."""
    counts: dict[str, int] = {}
    for context in contexts:
        for pair in pairs(context):
            counts[pair] = counts.get(pair, 0) + 1
    return sorted(pair for pair, count in counts.items() if count >= FEWEST)


def indicators(contexts: Sequence[Mapping[str, str]], names: Sequence[str]) -> Doubles:
    """(N, C), one where the text has the pair."""
    place = {name: at for at, name in enumerate(names)}
    found_NC = np.zeros((len(contexts), len(names)))
    for row, context in enumerate(contexts):
        for pair in pairs(context):
            if pair in place:
                found_NC[row, place[pair]] = 1.0
    return found_NC


def fitted_offsets(logits_NE: Floats, found_NC: Doubles, labels_N: Indexes, *, temperature: float) -> Doubles:
    """Offsets (C, E) on the logits by regularised maximum likelihood; `logits_NE` are of texts not trained on."""
    from scipy.optimize import minimize

    count, experts = logits_NE.shape
    pairs_count = found_NC.shape[1]
    base_NE = logits_NE.astype(np.float64) / temperature

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        offsets_CE = flat.reshape(pairs_count, experts)
        scores_NE = base_NE + found_NC @ offsets_CE
        scores_NE -= scores_NE.max(axis=1, keepdims=True)
        shares_NE = np.exp(scores_NE)
        totals_N = shares_NE.sum(axis=1)
        own_N = np.arange(count), labels_N
        value = float((np.log(totals_N) - scores_NE[own_N]).sum() + (flat**2).sum() / 2 / DEVIATION**2)
        error_NE = shares_NE / totals_N[:, None]
        error_NE[own_N] -= 1
        return value, (found_NC.T @ error_NE + offsets_CE / DEVIATION**2).ravel()

    bounds = [(-BOUND, BOUND)] * (pairs_count * experts)
    found = minimize(loss, np.zeros(pairs_count * experts), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x.reshape(pairs_count, experts) * temperature, dtype=np.float64)
