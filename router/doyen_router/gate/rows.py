"""Which fine label or discovered sub-topic each row of a gate stands for. Legend: N texts, D dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.gate.clusters import spherical_clusters
from doyen_router.gate.examples import Example

Indexes = npt.NDArray[np.intp]

# Sub-topics are for a few broad experts; with hundreds of narrow ones each is a topic already.
MOST_DISCOVERED_ROWS = 256


@dataclass(frozen=True)
class RowPlan:
    """`row_N` is the row of each example; rows lie in the order of experts (sorted by name)."""

    experts: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    row_N: Indexes


def planned_rows(examples: Sequence[Example], vectors_ND: Vector, *, fineness: float, seed: int) -> RowPlan:
    """Fine labels are rows where an expert's examples all have one; else `fineness` times sqrt(count) sub-topics."""
    names = sorted({example.expert for example in examples})
    members: dict[str, list[int]] = {name: [] for name in names}
    for place, example in enumerate(examples):
        members[example.expert].append(place)
    counts = {name: max(1, round(fineness * math.sqrt(len(places)))) for name, places in members.items()}
    shrink = min(1.0, MOST_DISCOVERED_ROWS / sum(counts.values()))
    labels: list[tuple[str, ...]] = []
    row_N = np.empty(len(examples), dtype=np.intp)
    start = 0
    for name in names:
        places = members[name]
        fine = [examples[place].fine for place in places]
        if all(label is not None for label in fine):
            of_expert = tuple(sorted({str(label) for label in fine}))
            row_N[places] = [start + of_expert.index(str(label)) for label in fine]
        else:
            count = max(1, round(shrink * counts[name]))
            clusters, centres = spherical_clusters(vectors_ND[places], count, seed=seed)
            of_expert = tuple(f"{name}#{cluster}" for cluster in range(len(centres)))
            row_N[places] = start + clusters
        labels.append(of_expert)
        start += len(of_expert)
    return RowPlan(tuple(names), tuple(labels), row_N)
