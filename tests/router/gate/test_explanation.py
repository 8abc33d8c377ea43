"""Why a text went where it went: the figures are the gate's own, and no text shows that the caller may not see."""

from dataclasses import replace

import numpy as np
import pytest
from tests.router.gate.gates import random_gate
from tests.router.gate.sketches import sketch_of

from doyen_router.gate.decision import Choice, Chosen, RouteReason
from doyen_router.gate.evidence import USUAL
from doyen_router.gate.explanation import explain
from doyen_router.gate.sketch import with_sketch
from doyen_router.text_features import features

DIMENSIONS, SKETCH = 24, 8


@pytest.fixture
def stocked():
    made = random_gate([2, 1, 3], dimensions=DIMENSIONS, sketch=0)
    passages = np.random.default_rng(5).standard_normal((3, 4, DIMENSIONS)).astype(np.float32)
    passages /= np.linalg.norm(passages, axis=2, keepdims=True)
    for name, vectors in zip(made.experts, passages, strict=True):
        texts = tuple(f"secret of {name}, passage {place}" for place in range(4))
        made = with_sketch(made, name, sketch_of(vectors, *texts))
    return replace(made, card=made.card.model_copy(update={"evidence": USUAL}))


def text_near(gate, expert, passage):
    return gate.samples.passages_PD[4 * expert + passage].astype(np.float32)


def choice_of(probabilities, *, chosen, runner_up=None):
    return Choice(
        chosen=tuple(Chosen(name, 1 / len(chosen)) for name in chosen),
        probabilities=probabilities,
        masked={},
        confidence=max(probabilities.values(), default=0.0),
        inside=0.9,
        inside_floor=0.5,
        abstained=not set(chosen) & set(probabilities),
        reason=RouteReason.GATE,
        runner_up=runner_up,
    )


ALL = {"expert00": 0.2, "expert01": 0.7, "expert02": 0.1}


def test_the_chosen_comes_first_then_the_runner_up_then_the_others(stocked):
    text = text_near(stocked, 1, 2)
    told = explain(stocked, text, choice_of(ALL, chosen=["expert02"], runner_up="expert00"))
    assert [candidate.expert for candidate in told.candidates] == ["expert02", "expert00", "expert01"]
    assert [candidate.is_chosen for candidate in told.candidates] == [True, False, False]
    assert [candidate.probability for candidate in told.candidates] == [0.1, 0.2, 0.7]


def test_the_figures_are_those_that_the_gate_judged_by(stocked):
    facts = stocked.card.experts["expert01"].model_copy(update={"context": {"locale=de": 1.5}})
    experts = {**stocked.card.experts, "expert01": facts}
    card = stocked.card.model_copy(update={"experts": experts, "context_features": ("locale=de",)})
    stocked = replace(stocked, card=card)
    text = text_near(stocked, 1, 2)
    judged = stocked.judge(text, {"locale": "de"})
    told = explain(stocked, text, choice_of(ALL, chosen=["expert01"]), context={"locale": "de"})
    for candidate in told.candidates:
        place = stocked.index(candidate.expert)
        assert candidate.logit == judged.logits_E[place]
        assert candidate.nearness == judged.nearness_E[place]
        assert candidate.evidence == judged.evidence_E[place]
        assert candidate.context == (1.5 if candidate.expert == "expert01" else 0)
        start = stocked.row_starts[place]
        rows = (stocked.rows.weights_RW @ text + stocked.rows.bias_R)[start : start + stocked.row_counts[place]]
        assert candidate.row == f"r{rows.argmax()}"
    assert told.candidates[0].evidence == pytest.approx(10 * (1 - 0.3), abs=0.05)
    assert told.candidates[0].best_passage == pytest.approx(1, abs=0.01)


def test_without_evidence_none_is_told_but_the_passages_show(stocked):
    told = explain(stocked, text_near(stocked, 0, 1), choice_of(ALL, chosen=["expert00"]), evidence=False)
    assert {candidate.evidence for candidate in told.candidates} == {0.0}
    assert told.passages[0].text == "secret of expert00, passage 1"


def test_the_nearest_texts_of_the_chosen_and_the_runner_up_show_nearest_first(stocked):
    told = explain(
        stocked, text_near(stocked, 1, 2), choice_of(ALL, chosen=["expert01"], runner_up="expert00"), count=2
    )
    assert [near.expert for near in told.passages] == ["expert01", "expert01", "expert00", "expert00"]
    assert told.passages[0].text == "secret of expert01, passage 2"
    assert told.passages[0].cosine == pytest.approx(1, abs=0.01)
    assert told.passages[0].cosine >= told.passages[1].cosine
    assert [near.text for near in told.examples if near.expert == "expert00"] in (
        ["reference 0", "reference 1"],
        ["reference 1", "reference 0"],
    )


@pytest.mark.parametrize("only", [{"expert01"}, set(), {"expert01", "expert99"}])
def test_no_text_and_no_label_of_an_expert_that_the_caller_may_not_see_is_told(stocked, only):
    for expert in range(3):
        text = text_near(stocked, expert, 0)
        told = explain(stocked, text, choice_of(ALL, chosen=["expert00"], runner_up="expert01"), only=only, count=9)
        assert {near.expert for near in (*told.examples, *told.passages)} == only & {"expert01"}
        assert "secret of expert00" not in repr(told)
        assert "secret of expert02" not in repr(told)
        assert {candidate.expert for candidate in told.candidates if candidate.row} == only & {"expert01"}


def test_an_expert_that_was_masked_is_neither_a_candidate_nor_a_source(stocked):
    seen = {"expert00": 0.6, "expert01": 0.4}
    told = explain(
        stocked, text_near(stocked, 2, 0), choice_of(seen, chosen=["expert00"], runner_up="expert01"), count=9
    )
    assert "expert02" not in repr(told)
    # Not even when the caller's own list of whose texts may show is wider than the choice.
    wider = explain(
        stocked, text_near(stocked, 2, 0), choice_of(seen, chosen=["expert00"]), only=set(stocked.experts), count=9
    )
    assert "expert02" not in repr(wider)


def test_an_abstention_is_explained_by_the_experts_that_came_nearest(stocked):
    told = explain(stocked, text_near(stocked, 1, 2), choice_of(ALL, chosen=["generalist"], runner_up="expert01"))
    assert told.candidates[0].expert == "expert01"
    assert not any(candidate.is_chosen for candidate in told.candidates)
    assert {near.expert for near in told.passages} == {"expert01"}


def test_a_choice_without_candidates_has_nothing_to_explain(stocked):
    told = explain(stocked, text_near(stocked, 0, 0), choice_of({}, chosen=[]))
    assert (told.candidates, told.examples, told.passages) == ((), (), ())


def test_texts_that_share_words_are_told_of(encoder, gate):
    text = features(encoder, ["please block my stolen card"])[0]
    told = explain(gate, text, choice_of({"banking": 0.9, "travel": 0.1}, chosen=["banking"]))
    assert told.examples[0].text == "block my stolen credit card"
    assert told.examples[0].cosine > 0.7
    assert told.examples[0].word_overlap > told.examples[1].word_overlap
