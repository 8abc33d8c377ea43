"""A tenth domain joins a gate of nine: how much of it is found, and what the nine lose.

The texts of the tenth are in no training. Legend: N texts, E experts, D dimensions of the encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.gate.baselines import nearest_mean, regression
from benchmarks.gate.data import KnownVectors, Size, domains_alone, known_vectors, read_sets
from doyen_router import Example, Gate, Vector, add_expert, fit_gate
from doyen_router.gate.inside import InsideFeatures, energies, raw_scores

SHOWN = (10, 50)

Flags = npt.NDArray[np.bool_]


class Outcome(NamedTuple):
    """`recall` of the newcomer's texts; `loss` of the others' accuracy, a share; and the same when a text below the
    in-domain floor counts as wrong, before and after."""

    recall: float
    loss: float
    recall_with_floor: float
    loss_with_floor: float


Outcomes = dict[str, dict[str, list[float]]]


def newcomers(data: Path, size: Size) -> list[str]:
    names = sorted({example.expert for example in read_sets(data, size).clinc_train})
    return names[: size.newcomers]


def joined(newcomer: str, data: Path, work: Path, size: Size) -> dict[str, Outcomes]:
    """By number of examples shown, by method: the means over the seeds of the newcomer's examples."""
    known, sets = known_vectors(work), read_sets(data, size)
    train, test = domains_alone(sets.clinc_train), domains_alone(sets.clinc_test)
    others = [example for example in train if example.expert != newcomer]
    own = [example.text for example in train if example.expert == newcomer]
    own_N = np.array([example.expert == newcomer for example in test])
    gate = fit_gate(others, known)
    test_NF = known.features([example.text for example in test])
    gate_before = _right(gate, test_NF, test)
    mean_before = _mean_right(known, others, [], newcomer, test)
    regression_before = _regression_right(known, others, [], newcomer, test)

    found: dict[str, Outcomes] = {}
    for count in SHOWN:
        ours: list[Outcome] = []
        means: list[Outcome] = []
        for seed in range(size.seeds):
            shown = _shown(own, count, seed)
            after = _right(add_expert(gate, newcomer, known, examples=shown)[0], test_NF, test)
            ours.append(_outcome(gate_before, after, own_N))
            means.append(_outcome(mean_before, _mean_right(known, others, shown, newcomer, test), own_N))
        refitted = _regression_right(known, others, _shown(own, count, 0), newcomer, test)
        found[str(count)] = {
            "ours": _columns(ours),
            "one_mean_a_domain": _columns(means),
            # One seed: a fit takes seconds, and the mean is over the domains anyway.
            "regression_refitted": _columns([_outcome(regression_before, refitted, own_N)]),
        }
    return found


def averaged(joins: Sequence[dict[str, Outcomes]]) -> dict[str, dict[str, dict[str, float]]]:
    """Over newcomers and seeds; `recall_lowest` is the worst newcomer's."""
    table: dict[str, dict[str, dict[str, float]]] = {}
    for count in joins[0]:
        table[count] = {}
        for method in joins[0][count]:
            columns = [join[count][method] for join in joins]
            means = {name: float(np.mean([np.mean(column[name]) for column in columns])) for name in columns[0]}
            means["recall_lowest"] = float(min(np.mean(column["recall"]) for column in columns))
            table[count][method] = means
    return table


def _shown(own: Sequence[str], count: int, seed: int) -> list[str]:
    places: list[int] = np.random.default_rng(seed).permutation(len(own))[:count].tolist()
    return [own[place] for place in places]


def _right(gate: Gate, features_NF: Vector, test: Sequence[Example]) -> tuple[Flags, Flags]:
    """Whether the likeliest expert is the right one, and whether it also passes the in-domain floor, (N,) each."""
    logits_NE, nearness_NE = gate.batch_scores(features_NF)
    scale = gate.card.inside
    neighbours_N = gate.batch_neighbours(features_NF) if scale.neighbours_weight else np.zeros(len(features_NF))
    seen = InsideFeatures(energies(logits_NE), nearness_NE.max(axis=1).astype(np.float64), neighbours_N)
    best_N = np.array(gate.experts)[gate.batch_shares(logits_NE).argmax(axis=1)]
    right_N = best_N == np.array([example.expert for example in test])
    return right_N, right_N & (raw_scores(scale, seen) >= scale.score_at_half)


def _mean_right(
    known: KnownVectors, others: Sequence[Example], shown: Sequence[str], newcomer: str, test: Sequence[Example]
) -> tuple[Flags, Flags]:
    texts, labels = _with_newcomer(others, shown, newcomer)
    found = nearest_mean(known.encode(texts), labels, known.encode([example.text for example in test]))
    right_N = np.array(found) == np.array([example.expert for example in test])
    return right_N, right_N


def _regression_right(
    known: KnownVectors, others: Sequence[Example], shown: Sequence[str], newcomer: str, test: Sequence[Example]
) -> tuple[Flags, Flags]:
    texts, labels = _with_newcomer(others, shown, newcomer)
    model = regression(known.encode(texts), labels, balanced=bool(shown))
    found = model.predict(known.encode([example.text for example in test]))
    right_N = np.asarray(found == np.array([example.expert for example in test]))
    return right_N, right_N


def _with_newcomer(others: Sequence[Example], shown: Sequence[str], newcomer: str) -> tuple[list[str], list[str]]:
    texts = [example.text for example in others]
    labels = [example.expert for example in others]
    return [*texts, *shown], [*labels, *(newcomer for _ in shown)]


def _outcome(before: tuple[Flags, Flags], after: tuple[Flags, Flags], own_N: Flags) -> Outcome:
    return Outcome(
        float(after[0][own_N].mean()),
        float(before[0][~own_N].mean() - after[0][~own_N].mean()),
        float(after[1][own_N].mean()),
        float(before[1][~own_N].mean() - after[1][~own_N].mean()),
    )


def _columns(outcomes: Sequence[Outcome]) -> dict[str, list[float]]:
    return {name: [getattr(outcome, name) for outcome in outcomes] for name in Outcome._fields}
