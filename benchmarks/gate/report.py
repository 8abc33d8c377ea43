"""The table: each row with what the neighbours reach in the same run, what the gate reaches, and the goal."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

RELATIONS = {">=": operator.ge, "<=": operator.le, ">": operator.gt}
REGRESSION = "logistic regression"


@dataclass(frozen=True, slots=True)
class Row:
    """`baselines` are measured in this run. `goal` None: a figure without one.

    `holds` is None without a goal, and where nothing could be measured; `note` says why.
    """

    name: str
    ours: float | None
    baselines: Mapping[str, float] = field(default_factory=dict)
    relation: Literal[">=", "<=", ">"] = ">="
    goal: float | None = None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        if self.ours is None or self.goal is None:
            return None
        return bool(RELATIONS[self.relation](self.ours, self.goal))

    @property
    def goal_text(self) -> str:
        return "" if self.goal is None else f"{self.relation} {self.goal:.4g}"

    def figures(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "baselines": {name: round(figure, 5) for name, figure in self.baselines.items()},
            "ours": None if self.ours is None else round(self.ours, 5),
            "goal": self.goal_text or None,
            "holds": self.holds,
            "note": self.note,
        }


def rows(figures: Mapping[str, Any]) -> list[Row]:
    """Of whatever parts were measured."""
    made: list[Row] = []
    for part, of_part in (
        ("training", _training_rows),
        ("hot_add", _hot_add_rows),
        ("decide_us", _decide_rows),
        ("with_encoder_ms", _encoder_rows),
        ("throughput", _throughput_rows),
        ("conversations", _conversation_rows),
        ("quality", _quality_rows),
    ):
        if part in figures:
            made += of_part(figures[part])
    return made


def markdown(made: list[Row]) -> str:
    lines = ["| what | baselines, same run | gate | goal | holds |", "|---|---|---|---|---|"]
    for row in made:
        baselines = "; ".join(f"{_short(figure)} {name}" for name, figure in row.baselines.items())
        ours = row.note or "not measured" if row.ours is None else _short(row.ours)
        holds = {True: "yes", False: "**no**", None: ""}[row.holds]
        lines.append(f"| {row.name} | {baselines} | {ours} | {row.goal_text} | {holds} |")
    return "\n".join(lines)


def _training_rows(training: Mapping[str, Any]) -> Iterator[Row]:
    for task, title, accuracy, most_let_in in (
        ("clinc_domains", "CLINC150, ten domains", 0.982, 0.110),
        ("clinc_intents", "CLINC150, 150 intents", 0.962, None),
        ("banking", "BANKING77", 0.935, None),
    ):
        ours, baseline = training[task]["ours"], training[task]["baseline"]
        yield Row(f"{title}: accuracy", ours["accuracy"], {REGRESSION: baseline["accuracy"]}, goal=accuracy)
        if ours["outside"] is not None:

            def of_regression(measure: str, baseline: Any = baseline) -> dict[str, float]:
                return {
                    f"{REGRESSION}, by {score}": baseline[f"by_{score}"][measure] for score in ("probability", "energy")
                }

            outside = ours["outside"]
            yield Row(f"{title}: out-of-scope AUROC", outside["auroc"], of_regression("auroc"), goal=0.978)
            yield Row(f"{title}: out-of-scope FPR95", outside["fpr95"], of_regression("fpr95"), "<=", most_let_in)
        yield Row(f"{title}: ECE", ours["ece"], {f"{REGRESSION}, as it is": baseline["ece"]}, "<=", 0.015)


def _hot_add_rows(hot_add: Mapping[str, Any]) -> Iterator[Row]:
    goals = {"10": 0.78, "50": 0.92}
    rivals = {"regression_refitted": "regression refitted", "one_mean_a_domain": "one mean a domain"}
    for count, methods in hot_add.items():
        ours, title = methods["ours"], f"hot add from {count}"
        recalls = {named: methods[method]["recall"] for method, named in rivals.items()}
        losses = {named: 100 * methods[method]["loss"] for method, named in rivals.items()}
        yield Row(f"{title}: recall", ours["recall"], recalls, goal=goals[count])
        yield Row(f"{title}: loss of the others, points", 100 * ours["loss"], losses, "<=", 1.0)
        yield Row(f"{title}, with the floor: recall", ours["recall_with_floor"])
        yield Row(f"{title}, with the floor: loss of the others, points", 100 * ours["loss_with_floor"])


def _decide_rows(decide: Mapping[str, Any]) -> Iterator[Row]:
    yield Row("decide, 100 experts x 896, p50, us", decide["one_row"]["p50"], {}, "<=", 100.0)
    yield Row("decide, 100 experts x 896, p99, us", decide["one_row"]["p99"])
    yield Row("decide, four rows an expert, p50, us", decide["four_rows"]["p50"])
    yield Row("decide, with evidence of 20 passages an expert, p50, us", decide["one_row_20_passages"]["p50"])


def _encoder_rows(measured: Mapping[str, Any]) -> Iterator[Row]:
    bare = {"bare ONNX inference": measured["bare_inference"]["p50"]}
    yield Row("encode and decide, one thread, p50, ms", measured["encoded_and_decided"]["p50"], bare)
    yield Row("encode and decide, ratio to the bare inference", measured["ratio"], {}, "<=", 1.15)


def _throughput_rows(measured: Mapping[str, Any]) -> Iterator[Row]:
    ours, rival = measured["ours"], measured["rival"]
    title, speed = f"{measured['callers']} callers", "decisions_per_second"
    ratio = f"{title}: decisions/s, ratio to semantic-router"
    if rival is None:
        yield Row(f"{title}: decisions/s", ours[speed])
        yield Row(ratio, None, goal=5.0, note=measured["why"])
        yield Row(f"{title}: accuracy", ours["accuracy"])
        yield Row("one caller: p50, ms", ours["alone_ms"]["p50"])
        return
    named = f"semantic-router {measured['rival_version']}"
    yield Row(f"{title}: decisions/s", ours[speed], {named: rival[speed]})
    yield Row(ratio, ours[speed] / rival[speed], goal=5.0)
    yield Row(f"{title}: accuracy", ours["accuracy"], {named: rival["accuracy"]}, ">", rival["accuracy"])
    yield Row("one caller: p50, ms", ours["alone_ms"]["p50"], {named: rival["alone_ms"]["p50"]})


def _conversation_rows(measured: Mapping[str, Any]) -> Iterator[Row]:
    for name, of_set in measured.items():
        if isinstance(of_set, Mapping) and "flip_rate" in of_set:
            everything = of_set["flip_rate"]["all"]
            yield Row(f"paraphrase flip rate, {name}, {everything['pairs']} pairs", everything["rate"])


def _quality_rows(measured: Mapping[str, Any]) -> Iterator[Row]:
    for part, title, goal in (
        ("mmlu_seen", "APGR on MMLU, subjects seen in training", 0.66),
        ("mmlu_unseen", "APGR on MMLU, subjects never seen", None),
    ):
        if part in measured:
            yield Row(title, measured[part]["apgr"], {REGRESSION: measured[part]["plain_apgr"]}, goal=goal)


def _short(figure: float) -> str:
    return f"{figure:.4f}" if abs(figure) < 10 else f"{figure:.1f}"
