"""Named context features: what they add, and that they add it only where they should."""

import numpy as np
import pytest

from doyen_router.gate.calibration import negative_log_likelihood, probabilities
from doyen_router.gate.context import fitted_offsets, indicators, known_pairs
from doyen_router.gate.decide import decide, snapshot_of
from doyen_router.gate.decision import Conditions, Policy
from doyen_router.gate.evaluation import evaluate
from doyen_router.gate.examples import Example, ExamplesUnreadable, read_examples
from doyen_router.gate.members import remove_expert
from doyen_router.gate.training import fit_gate
from doyen_router.text_features import features

VAGUE = ["it does not work", "I need help", "where do I find it", "how long does it take", "please explain", "what now"]


def test_offsets_are_what_the_labels_say_and_no_more():
    contexts = [{"locale": "de"}, {"locale": "fr"}] * 200
    labels = np.array([0, 1] * 200)
    names = known_pairs(contexts)
    assert names == ["locale=de", "locale=fr"]
    found = indicators(contexts, names)
    offsets = fitted_offsets(np.zeros((400, 2)), found, labels, temperature=1.0)
    assert offsets[0, 0] > 1 > -1 > offsets[0, 1]
    unrelated = np.random.default_rng(0).integers(0, 2, 400)
    assert np.abs(fitted_offsets(np.zeros((400, 2)), found, unrelated, temperature=1.0)).max() < 0.3
    assert known_pairs([{"rare": "x"}] * 4) == []
    assert indicators([{"locale": "xx"}], names).sum() == 0


@pytest.fixture(scope="module")
def vague_gate(encoder, examples):
    """Texts that could be anybody's; the feature tag says whose they are."""
    vague = [
        Example(text, expert, context=(("feature", f"{expert}-page"),))
        for expert in ("banking", "travel")
        for text in VAGUE
    ]
    return fit_gate([*examples, *vague], encoder)


def test_a_feature_decides_what_the_text_leaves_open(vague_gate, encoder):
    text = features(encoder, ["it is broken, please help me"])[0]
    snapshot, policy = snapshot_of(vague_gate), Policy(inside_floor=0.0)
    for expert in ("banking", "travel"):
        conditions = Conditions(context={"feature": f"{expert}-page", "unknown": "x"})
        choice = decide(vague_gate, text, snapshot, policy, 0, conditions)
        assert choice.experts == [expert]
        assert any(one.name == "context" and one.expert == expert and one.size > 0 for one in choice.adjustments)
    clear = features(encoder, ["book a flight to Rome"])[0]
    elsewhere = Conditions(context={"feature": "banking-page"})
    assert decide(vague_gate, clear, snapshot, policy, 0, elsewhere).experts == ["travel"], "words outweigh the page"


def test_the_card_tells_what_context_is_worth(vague_gate, encoder):
    assert vague_gate.card.context_features == ("feature=banking-page", "feature=travel-page")
    assert vague_gate.card.metrics["accuracy_with_context"] > vague_gate.card.metrics["accuracy"]
    told = [Example("please help", "travel", context=(("feature", "travel-page"),))]
    assert evaluate(vague_gate, encoder, told)["accuracy"] == 1.0
    smaller = remove_expert(vague_gate, "banking")
    assert smaller.context_logits({"feature": "travel-page"}).tolist() == [
        size
        for name, size in zip(vague_gate.experts, vague_gate.context_logits({"feature": "travel-page"}), strict=True)
        if name != "banking"
    ]


def test_context_is_read_from_fields(tmp_path):
    path = tmp_path / "examples.jsonl"
    lines = ['{"text": "a", "expert": "x", "locale": "de", "page": null}', '{"text": "b", "expert": "y", "page": "p"}']
    path.write_text("\n".join(lines))
    read = read_examples(path, context_fields=("locale", "page"))
    assert [example.context for example in read] == [(("locale", "de"),), (("page", "p"),)]


def test_context_is_read_from_an_object(tmp_path):
    path = tmp_path / "examples.jsonl"
    first = '{"text": "a", "expert": "x", "context": {"locale": "de", "feature": "f"}}\n'
    path.write_text(first + '{"text": "b", "expert": "y", "context": null}\n{"text": "c", "expert": "y"}')
    read = read_examples(path, context_field="context")
    assert [example.context for example in read] == [(("locale", "de"), ("feature", "f")), (), ()]
    for wrong, field in (('["de"]', "context"), ('{"locale": 7}', "locale"), ('{"locale": null}', "locale")):
        path.write_text(f'{first}{{"text": "b", "expert": "y", "context": {wrong}}}')
        with pytest.raises(ExamplesUnreadable, match=f"examples.jsonl:2: the field '{field}' must be"):
            read_examples(path, context_field="context")
    with pytest.raises(ExamplesUnreadable, match="no line has the field 'page'"):
        read_examples(path, context_field="page")


def test_offsets_are_right_where_each_expert_has_its_own_scale():
    """Serving adds them before the scale; fitted after it, they would be as wrong as the scale is large."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 600)
    logits = random.standard_normal((600, 3)).astype(np.float32)
    scale, shift = np.array([8.0, 1.0, 0.5]), np.array([0.0, 1.0, -1.0])
    pages = np.where(random.random(600) < 0.8, labels, random.integers(0, 3, 600))
    contexts = [{"page": str(page)} for page in pages]
    found = indicators(contexts, known_pairs(contexts))
    offsets = fitted_offsets(logits * scale + shift, found, labels, temperature=1.0) / scale
    assert loss((logits + found @ offsets) * scale + shift, labels) < loss(logits * scale + shift, labels) - 0.3


def loss(logits: np.ndarray, labels: np.ndarray) -> float:
    return negative_log_likelihood(probabilities(logits, 1.0), labels)
