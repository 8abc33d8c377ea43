"""Routing between a weak and a strong model by predicted quality: `python -m benchmarks.quality --data DIR`.

DIR holds `mmlu_routing/dev.jsonl` and `gsm8k_routing/dev.jsonl`. Every figure is of held-out texts: the whole training,
with its choice of a kernel, is repeated for each fold. "seen" folds hold out questions of subjects that are trained on
(questions of one passage go together); "unseen" folds hold out whole subjects. The last line is one JSON object.

The data have no prices. Those declared here are a parameter: USD for a million tokens in and out, at four characters a
token; an MMLU answer is taken as five tokens. APGR does not depend on them; AIQ, deferral area and QNC do.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.machine import machine
from doyen_router import load_encoder
from doyen_router.encoder.contract import Vector
from doyen_router.encoder.encoding import encoded as encoded_texts
from doyen_router.quality.evaluation import measured
from doyen_router.quality.pairs import Pair, apgr
from doyen_router.quality.rows import ScoredText
from doyen_router.quality.training import fitted

WEAK, STRONG = "mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"
CHARACTERS_PER_TOKEN = 4
MMLU_ANSWER_TOKENS = 5
PASSAGE_CHARACTERS = 200

Indexes = npt.NDArray[np.intp]


class Price(NamedTuple):
    """USD for a million tokens."""

    usd_in: float
    usd_out: float

    def cost_usd(self, characters: int, answer_tokens: float) -> float:
        return (self.usd_in * characters / CHARACTERS_PER_TOKEN + self.usd_out * answer_tokens) / 1e6


def rows_of(path: Path, prices: dict[str, Price]) -> tuple[list[ScoredText], list[str]]:
    """The rows, and the subject of each ("" where there is none)."""
    rows: list[ScoredText] = []
    subjects: list[str] = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if not line.strip():
            continue
        row = json.loads(line)
        text, answers = row["prompt"], row.get("response_chars", {})
        costs = {
            name: price.cost_usd(
                len(text), answers[name] / CHARACTERS_PER_TOKEN if name in answers else MMLU_ANSWER_TOKENS
            )
            for name, price in prices.items()
        }
        scores = {name: float(row["correct"][name]) for name in prices}
        rows.append(ScoredText(text, scores, costs, group=text[:PASSAGE_CHARACTERS]))
        subjects.append(row.get("subject", ""))
    return rows, subjects


def fold_of(groups: Sequence[str], folds: int, seed: int) -> Indexes:
    """By hash: as a held-back half is made."""
    return np.array(
        [int(hashlib.sha256(f"{seed} {group}".encode()).hexdigest(), 16) % folds for group in groups], dtype=np.intp
    )


def balanced_fold_of(subjects: Sequence[str], folds: int, seed: int) -> Indexes:
    """Whole subjects, shuffled, the same number of them in each fold."""
    names = np.array(sorted(set(subjects)))
    np.random.default_rng(seed).shuffle(names)
    fold = {str(name): number % folds for number, name in enumerate(names)}
    return np.array([fold[subject] for subject in subjects], dtype=np.intp)


def plain_apgr(train: Sequence[ScoredText], train_ND: Vector, test: Sequence[ScoredText], test_ND: Vector) -> float:
    """The baseline: logistic regression on the embedding, predicting that only the strong model is right."""
    from sklearn.linear_model import LogisticRegression

    needed = [row.scores[STRONG] > row.scores[WEAK] for row in train]
    predicted_N = LogisticRegression(max_iter=2000).fit(train_ND, needed).decision_function(test_ND)
    weak_N, strong_N = (np.array([row.scores[name] for row in test]) for name in (WEAK, STRONG))
    return apgr(Pair(predicted_N, weak_N, strong_N))


def folds_report(rows: Sequence[ScoredText], vectors_ND: Vector, fold_N: Indexes, title: str) -> dict[str, Any]:
    reports: list[dict[str, Any]] = []
    for fold in np.unique(fold_N):
        train, test = np.flatnonzero(fold_N != fold).tolist(), np.flatnonzero(fold_N == fold).tolist()
        train_rows, test_rows = [rows[index] for index in train], [rows[index] for index in test]
        model = fitted(train_rows, vectors_ND[train], "benchmark", 0, lambda _stage, _share: None)
        report = measured(model, test_rows, vectors_ND[test])
        pair, routed, zero = report["pair"], report["routers"]["model"], report["routers"]["zero"]
        assert pair is not None  # the strong model is the better one in every fold
        kernel = model.card.kernel
        reports.append(
            {
                "count": len(test),
                "apgr": pair["apgr"],
                "apgr_interval": [pair["apgr_low"], pair["apgr_high"]],
                "plain_apgr": plain_apgr(train_rows, vectors_ND[train], test_rows, vectors_ND[test]),
                "cpt": [pair["cpt20"], pair["cpt50"], pair["cpt80"]],
                "aiq": routed["aiq"],
                "zero_aiq": zero["aiq"],
                "oracle_aiq": report["routers"]["oracle"]["aiq"],
                "deferral_area": routed["deferral_area"],
                "random_deferral_area": report["routers"]["random"]["deferral_area"],
                "qnc": routed["qnc"],
                "peak_quality": routed["peak_quality"],
                "best_single_quality": report["routers"]["best_single"]["peak_quality"],
                "r2": report["r2"],
                "decide_ms_p50": report["decide_ms"]["p50"],
                "kernel": [kernel.sharpness, kernel.form_share, kernel.ridge],
            }
        )
        print(title, json.dumps(reports[-1]), file=sys.stderr, flush=True)
    # A figure may be undefined in some folds: QNC, where the best single model is never matched.
    averaged = [name for name in reports[0] if any(isinstance(report[name], float) for report in reports)]
    summary: dict[str, Any] = {}
    for name in averaged:
        values = [report[name] for report in reports if report[name] is not None]
        summary[name] = round(float(np.mean(values)), 4)
        if name.endswith("apgr"):
            summary[f"{name}_deviation"] = round(float(np.std(values, ddof=1)), 4)
    summary["qnc_reached_folds"] = sum(report["qnc"] is not None for report in reports)
    summary["cpt"] = [round(float(value), 4) for value in np.mean([report["cpt"] for report in reports], axis=0)]
    summary["gain_over_plain"] = round(float(np.mean([of["apgr"] - of["plain_apgr"] for of in reports])), 4)
    return {**summary, "folds": reports}


def encoded(texts: Sequence[str]) -> Vector:
    return encoded_texts(load_encoder(), texts, _tell, "encoding texts")


def _tell(stage: str, share: float) -> None:
    print(f"{stage}: {share:.0%}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of mmlu_routing and gsm8k_routing")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weak-usd", type=float, nargs=2, default=(0.6, 0.6), metavar=("IN", "OUT"))
    parser.add_argument("--strong-usd", type=float, nargs=2, default=(10.0, 30.0), metavar=("IN", "OUT"))
    given = parser.parse_args()
    prices = {WEAK: Price(*given.weak_usd), STRONG: Price(*given.strong_usd)}
    figures: dict[str, Any] = {"machine": machine(), "prices_usd_per_million_tokens": prices}
    rows, subjects = rows_of(given.data / "mmlu_routing" / "dev.jsonl", prices)
    vectors_ND = encoded([row.text for row in rows])
    groups = [row.group or row.text for row in rows]
    figures["mmlu_seen"] = folds_report(rows, vectors_ND, fold_of(groups, given.folds, given.seed), "mmlu seen")
    unseen_N = balanced_fold_of(subjects, given.folds, given.seed)
    figures["mmlu_unseen"] = folds_report(rows, vectors_ND, unseen_N, "mmlu unseen")
    rows, _ = rows_of(given.data / "gsm8k_routing" / "dev.jsonl", prices)
    fold_N = fold_of([row.text for row in rows], given.folds, given.seed)
    figures["gsm8k"] = folds_report(rows, encoded([row.text for row in rows]), fold_N, "gsm8k")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
