"""How good trained gates are beside logistic regression, and what each part of one is worth.

Legend: N texts, O outside texts, F features, E experts.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.gate.baselines import regression_figures
from benchmarks.gate.data import Size, domains_alone, intents_alone, known_vectors, read_sets
from doyen_router import Candidate, Example, Gate, Policy, Snapshot, Vector, decide, evaluate, fit_gate, save_gate
from doyen_router.gate.calibration import expected_calibration_error, probabilities, reliability
from doyen_router.gate.candidates import Trial
from doyen_router.gate.card import HeadKind
from doyen_router.gate.decision import Selection
from doyen_router.gate.heads import HeadSpec, linear_parts, trained_head, with_words
from doyen_router.gate.inside import auroc, energies
from doyen_router.gate.measures import fpr95
from doyen_router.gate.rows import planned_rows

Task = Literal["clinc_domains", "clinc_intents", "banking"]
GATE = "gate-of-domains"
KINDS: tuple[HeadKind, ...] = ("linear", "mlp", "prototype", "knn")
WITHOUT_GATE: tuple[Selection, ...] = ("fixed", "random", "hash")


def trained_gate(task: Task, data: Path, work: Path, size: Size) -> dict[str, Any]:
    """The gate as `fit_gate` makes it and the regression, on the same vectors. The one of domains is kept in `work`."""
    known, sets = known_vectors(work), read_sets(data, size)
    train, test, outside = sets.clinc_train, sets.clinc_test, sets.outside
    match task:
        case "clinc_domains":
            train, test = domains_alone(train), domains_alone(test)
        case "clinc_intents":
            train, test = intents_alone(train), intents_alone(test)
        case "banking":
            train, test, outside = sets.banking_train, sets.banking_test, []
    started = time.perf_counter()
    gate = fit_gate(train, known)
    seconds = time.perf_counter() - started
    if task == "clinc_domains":
        save_gate(gate, work / GATE)
    found = evaluate(gate, known, test, outside)
    baseline = regression_figures(
        known.encode(_texts(train)), _experts(train), known.encode(_texts(test)), _experts(test), known.encode(outside)
    )
    ours = {name: value for name, value in found.items() if name not in ("per_expert", "decide_ms")}
    return {
        "ours": ours,
        "baseline": dict(baseline),
        "head": gate.card.head,
        "fit_seconds": round(seconds, 1),
    }


def ablations(data: Path, work: Path, size: Size) -> dict[str, Any]:
    """CLINC's domains by each kind of head alone, by the encoder without the words, and without any gate.

    The heads are uncalibrated: their error is at temperature one, their outside figures are of the energy alone.
    """
    known, sets = known_vectors(work), read_sets(data, size)
    train, test = domains_alone(sets.clinc_train), domains_alone(sets.clinc_test)
    train_NF, test_NF = known.features(_texts(train)), known.features(_texts(test))
    outside_OF = known.features(sets.outside)
    heads = _Heads(train, train_NF, known.dimensions)
    specs = {kind: HeadSpec(kind) for kind in KINDS} | {"linear_without_words": HeadSpec(lexical_weight=0.0)}
    figures: dict[str, Any] = {}
    for name, spec in specs.items():
        gate = heads.gate(spec)
        labels_N = np.array([gate.experts.index(example.expert) for example in test])
        logits_NE, outside_OE = gate.batch_scores(test_NF)[0], gate.batch_scores(outside_OF)[0]
        shares_NE = probabilities(logits_NE, 1.0)
        right_N = shares_NE.argmax(axis=1) == labels_N
        energy_N, energy_O = energies(logits_NE), energies(outside_OE)
        figures[name] = {
            "accuracy": float(right_N.mean()),
            "uncalibrated_ece": expected_calibration_error(reliability(shares_NE.max(axis=1), right_N)),
            "energy_auroc": auroc(energy_N, energy_O),
            "energy_fpr95": fpr95(energy_N, energy_O),
        }
    names = sorted({example.expert for example in train})
    snapshot = Snapshot(tuple(Candidate(name) for name in names))
    for selection in WITHOUT_GATE:
        policy = Policy(selection=selection, fixed=names[0])
        right = sum(
            decide(None, features_F, snapshot, policy, seed).experts == [example.expert]
            for seed, (features_F, example) in enumerate(zip(test_NF, test, strict=True))
        )
        figures[selection] = {"accuracy": right / len(test)}
    return figures


class _Heads:
    """The heads of some examples; the regressions, which take the time, are made once for all kinds."""

    def __init__(self, examples: list[Example], features_NF: Vector, dimensions: int) -> None:
        self._features_NF, self._dimensions = features_NF, dimensions
        self._plan = planned_rows(examples, features_NF[:, :dimensions], fineness=HeadSpec().fineness, seed=0)
        parts = linear_parts(features_NF, dimensions, self._plan.row_N)
        self._parts = with_words(parts, features_NF, dimensions, self._plan.row_N)

    def gate(self, spec: HeadSpec) -> Gate:
        head = trained_head(spec, self._features_NF, self._dimensions, self._plan.row_N, seed=0, parts=self._parts)
        return Trial(spec, self._plan, head, self._dimensions).gate


def _texts(examples: list[Example]) -> list[str]:
    return [example.text for example in examples]


def _experts(examples: list[Example]) -> list[str]:
    return [example.expert for example in examples]
