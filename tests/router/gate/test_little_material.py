"""Gates of very little material: experts known by a description alone, and training on a few texts of uneven count."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from doyen_router import Gate, OnnxEncoder, add_expert, remove_expert
from doyen_router.gate.artifact import load_gate, save_gate
from doyen_router.gate.decide import decide, snapshot_of
from doyen_router.gate.decision import Policy
from doyen_router.gate.examples import Example
from doyen_router.gate.inside import InsideFeatures, auroc, fitted_scale
from doyen_router.gate.members import empty_gate
from doyen_router.gate.training import fit_gate
from doyen_router.text_features import features

GARDENING = "Gardening: plants, soil, pruning and pests"
ASTRONOMY = "Astronomy: stars, planets, moons and galaxies"
BANKING = [
    "transfer money to my savings account", "what is my account balance", "block my stolen credit card",
    "how do I pay my electricity bill",
]  # fmt: skip
ASKED = {
    "How many moons does Jupiter have?": ["astronomy"],
    "When should I prune roses?": ["gardening"],
    "What is a good pasta recipe?": [],
    "prove that every finite field has prime power order": [],
}


def routes(gate: Gate, encoder: OnnxEncoder, texts: list[str]) -> list[list[str]]:
    return [decide(gate, features_F, snapshot_of(gate), Policy()).experts for features_F in features(encoder, texts)]


@pytest.fixture(scope="module")
def described(encoder: OnnxEncoder) -> Gate:
    first, _ = add_expert(empty_gate(encoder), "gardening", encoder, description=GARDENING)
    return add_expert(first, "astronomy", encoder, description=ASTRONOMY)[0]


def test_a_described_expert_leaves_room_for_a_second(described: Gate, encoder: OnnxEncoder) -> None:
    assert routes(described, encoder, list(ASKED)) == list(ASKED.values())
    assert np.ptp(described.rows.bias_R) < 1


@pytest.mark.parametrize("material", [{"description": "Banking: accounts, cards, loans"}, {"examples": BANKING}])
def test_and_for_a_third(described: Gate, encoder: OnnxEncoder, material: dict[str, object]) -> None:
    third, confusions = add_expert(described, "banking", encoder, **material)  # type: ignore[arg-type]  # by parametrize
    assert routes(third, encoder, ["How do I open a savings account?", *ASKED]) == [["banking"], *ASKED.values()]
    assert np.ptp(third.rows.bias_R) < 10
    assert all(confusion.theirs_lost < 0.2 and confusion.ours_lost < 0.1 for confusion in confusions)
    # The places of those who stay do not depend on the first.
    left = remove_expert(third, "gardening")
    assert routes(left, encoder, ["How do I open a savings account?"]) == [["banking"]]
    assert routes(left, encoder, ["How many moons does Jupiter have?"]) == [["astronomy"]]


def test_a_described_expert_does_not_hold_down_those_after_it(gate: Gate, encoder: OnnxEncoder) -> None:
    before, _ = add_expert(gate, "gardening", encoder, description=GARDENING)
    # Near the first, which is where a reference that has lost its own row would count as all but given away.
    near = "Orchards: fruit trees, their soil and their pests"
    beside, _ = add_expert(before, "orchards", encoder, description=near)
    alone, _ = add_expert(gate, "orchards", encoder, description=near)
    assert beside.rows.bias_R[-1] == pytest.approx(alone.rows.bias_R[-1], abs=0.3)


def test_two_described_experts_are_confused_by_degrees(described: Gate, encoder: OnnxEncoder) -> None:
    taken = []
    for description in ("Banking: accounts, cards, loans", "Orchards: fruit trees and their pests", GARDENING.upper()):
        _, confusions = add_expert(described, "third", encoder, description=description)
        taken.append({confusion.expert: confusion.theirs_lost for confusion in confusions}["gardening"])
    assert 0 < taken[0] < 0.2 < taken[1] < taken[2] < 1


def few(examples: list[Example], counts: list[int], grouped: bool) -> list[Example]:
    extra = [
        Example(text, "gardening")
        for text in (
            "how often do I water tomatoes in the garden", "when should I prune roses", "my lawn is turning yellow",
            "which soil is best for blueberries", "how do I get rid of slugs on lettuce", "when do I plant tulip bulbs",
        )
    ]  # fmt: skip
    chosen: list[Example] = []
    for expert, count in zip(["banking", "cooking", "travel", "gardening"], counts, strict=False):
        own = [example for example in (*examples, *extra) if example.expert == expert][:count]
        chosen += [
            Example(each.text, expert, group=f"{expert}{place // 2}" if grouped else None)
            for place, each in enumerate(own)
        ]
    return chosen


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("experts", [2, 3, 4])
@pytest.mark.parametrize("counts", [[1] * 4, [3] * 4, [5] * 4, [6] * 4, [6, 1, 1, 1], [1, 6, 3, 5]])
def test_a_gate_of_a_few_examples_is_saved_loaded_and_decides(
    encoder: OnnxEncoder, examples: list[Example], tmp_path: Path, counts: list[int], experts: int, grouped: bool
) -> None:
    shown = few(examples, counts[:experts], grouped)
    fitted = fit_gate(shown, encoder)
    loaded = load_gate(save_gate(fitted, tmp_path / "gate"))
    assert loaded.version == fitted.version
    assert routes(loaded, encoder, [each.text for each in shown]) == [[each.expert] for each in shown]


def test_a_metric_that_cannot_be_measured_is_left_out(encoder: OnnxEncoder, examples: list[Example]) -> None:
    metrics = fit_gate(few(examples, [6, 1, 1], grouped=False), encoder).card.metrics
    assert "auroc_leave_one_expert_out" not in metrics
    assert metrics["held_out_count"] == 6


def test_nothing_to_compare_leaves_a_scale_of_finite_numbers() -> None:
    nothing = np.empty(0)
    own, strange = np.array([0.5, 0.6]), np.array([0.1])
    assert math.isnan(auroc(nothing, strange))
    assert math.isnan(auroc(own, nothing))
    scale = fitted_scale(
        InsideFeatures(own, own, own),
        InsideFeatures(strange, strange, strange),
        against=InsideFeatures(nothing, nothing, nothing),
    )
    assert all(math.isfinite(value) for value in scale.model_dump().values())
