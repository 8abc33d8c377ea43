import json

import numpy as np
import pytest

from doyen_router import load_encoder
from doyen_router.encoder.artifact import EncoderArtifactInvalid, GateFigures, read_card
from doyen_router.encoder.contrastive import LabelledTexts, train
from doyen_router.encoder.sentence_transformer import open_sentence_transformer
from doyen_router.encoder.tuning import TooLittleToTune, is_better, split, tune_encoder
from doyen_router.gate.examples import Example

SUBJECTS = {
    "post": ["parcel", "letter", "stamp", "courier"],
    "kitchen": ["dough", "flour", "oven", "salt"],
    "travel": ["ticket", "train", "harbour", "plane"],
    "law": ["court", "tenant", "contract", "lawyer"],
}
PHRASES = ["where is the {}", "I need a {} today", "tell me about the {}", "no {} is here", "which {} is better"]
EXAMPLES = [
    Example(phrase.format(word), subject) for subject, words in SUBJECTS.items() for word in words for phrase in PHRASES
]


def figures(accuracy: float, auroc: float | None = None) -> GateFigures:
    return GateFigures(accuracy=accuracy, macro_f1=accuracy, ece=0.0, outside_auroc=auroc)


def trained(folder, *, seed: int):
    model = open_sentence_transformer(folder)
    names = sorted(SUBJECTS)
    parts = split(EXAMPLES, seed=0)

    def labelled(examples):
        return LabelledTexts(
            [example.text for example in examples], np.array([names.index(example.expert) for example in examples])
        )

    seen = []
    outcome = train(
        model,
        labelled(parts.tuning),
        labelled([*parts.choice, *parts.held_out]),
        epochs=4,
        seed=seed,
        progress=lambda _stage, _share: None,
        epoch_done=seen.append,
        learning_rate=5e-3,
    )
    assert [of.epoch for of in seen] == [1, 2, 3, 4]
    return model, *outcome


def test_training_separates_classes_and_keeps_the_best_epoch(small_folder):
    model, epochs, chosen = trained(small_folder, seed=1)
    assert [of.epoch for of in epochs] == [0, 1, 2, 3, 4]
    assert epochs[-1].loss < epochs[1].loss
    assert epochs[chosen].choice_accuracy == max(of.choice_accuracy for of in epochs)
    assert epochs[chosen].choice_accuracy > epochs[0].choice_accuracy
    assert not model.training


def test_training_is_the_same_for_one_seed(small_folder):
    (first, first_epochs, _), (second, second_epochs, _), (other, _, _) = (
        trained(small_folder, seed=seed) for seed in (1, 1, 2)
    )
    assert [of.loss for of in first_epochs] == [of.loss for of in second_epochs]
    vectors = [model.encode(["where is the parcel"]) for model in (first, second, other)]
    assert np.array_equal(vectors[0], vectors[1])
    assert not np.allclose(vectors[0], vectors[2], atol=1e-3)


def test_word_embeddings_are_not_moved(small_folder):
    before = open_sentence_transformer(small_folder).state_dict()
    after = trained(small_folder, seed=1)[0].state_dict()
    moved = {name for name in before if not bool((before[name] == after[name]).all())}
    assert moved
    assert not [name for name in moved if "embeddings" in name]


def test_the_three_parts_never_share_a_text():
    doubled = [*EXAMPLES, *EXAMPLES]
    parts = split(doubled, seed=3)
    texts = [{example.text for example in part} for part in (parts.tuning, parts.choice, parts.held_out)]
    assert not texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2]
    assert sum(map(len, (parts.tuning, parts.choice, parts.held_out))) == len(doubled)
    assert {example.expert for example in parts.tuning} == set(SUBJECTS)
    assert 0.1 < len(parts.held_out) / len(doubled) < 0.2


def test_texts_of_one_document_stay_together():
    grouped = [Example(f"{example.text} {turn}", example.expert, group=str(turn // 4)) for turn, example in
               enumerate(EXAMPLES)]  # fmt: skip
    parts = split(grouped, seed=3)
    groups = [{example.group for example in part} for part in (parts.tuning, parts.choice, parts.held_out)]
    assert all(groups)
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


def test_validation_is_all_that_is_compared_on():
    validation = [Example("a stamp please", "post")]
    parts = split(EXAMPLES, validation, seed=3)
    assert parts.held_out == validation
    assert len(parts.tuning) + len(parts.choice) == len(EXAMPLES)


@pytest.mark.parametrize(
    ("examples", "validation", "reason"),
    [
        ([Example("a", "post"), Example("b", "post")], None, "one class"),
        ([Example("a", "post"), Example("b", "law")], None, "leave none"),
        (EXAMPLES, [Example("a rose", "gardening")], "'gardening'"),
    ],
)
def test_too_little_to_tune_on_is_said(examples, validation, reason):
    with pytest.raises(TooLittleToTune, match=reason):
        split(examples, validation, seed=0)


@pytest.mark.parametrize(
    ("before", "after", "gained", "lost", "better"),
    [
        (figures(0.90), figures(0.95), 50, 0, True),
        (figures(0.90), figures(0.91), 11, 10, False),
        (figures(0.90), figures(0.90), 0, 0, False),
        (figures(0.90), figures(0.85), 0, 50, False),
        (figures(0.90, 0.97), figures(0.95, 0.968), 50, 0, True),
        (figures(0.90, 0.97), figures(0.95, 0.95), 50, 0, False),
    ],
    ids=["clear", "chance", "same", "worse", "outside-as-before", "outside-worse"],
)
def test_better_is_clearly_more_right_and_no_worse_outside(before, after, gained, lost, better):
    assert is_better(before, after, gained=gained, lost=lost) is better


def test_a_tuned_encoder_is_exported_and_compared_before_it_is_used(small_folder, tmp_path):
    stages: set[str] = set()
    card = tune_encoder(
        small_folder,
        EXAMPLES,
        tmp_path / "tuned",
        outside=["an unrelated question", "nothing of the kind", "blue"],
        epochs=1,
        min_cosine=0.98,
        weights=tmp_path / "weights",
        progress=lambda stage, _share: stages.add(stage),
    )
    tuning = card.tuning
    assert tuning is not None
    assert read_card(tmp_path / "tuned") == card
    assert tuning.recommended == is_better(
        tuning.before, tuning.after, gained=tuning.newly_right, lost=tuning.newly_wrong
    )
    difference = (tuning.newly_right - tuning.newly_wrong) / tuning.held_out
    assert tuning.after.accuracy - tuning.before.accuracy == pytest.approx(difference, abs=1e-9)
    assert tuning.before.outside_auroc is not None
    assert (tuning.examples, tuning.classes) == (80, 4)
    assert "tuning" in stages
    served, reference = load_encoder(tmp_path / "tuned"), load_encoder(tmp_path / "weights")
    assert (served.encode(["a parcel"]) * reference.encode(["a parcel"])).sum() > 0.98
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tuned", "weights"]


def test_weights_never_replace_a_folder(small_folder, tmp_path):
    (tmp_path / "weights").mkdir()
    with pytest.raises(EncoderArtifactInvalid, match="exists already"):
        tune_encoder(small_folder, EXAMPLES, tmp_path / "tuned", weights=tmp_path / "weights")
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]


def test_the_card_is_plain_json(small_folder, tmp_path):
    tune_encoder(small_folder, EXAMPLES, tmp_path / "tuned", epochs=1, min_cosine=0.98)
    card = json.loads((tmp_path / "tuned" / "card.json").read_text())
    assert isinstance(card["tuning"]["recommended"], bool)
    assert card["tuning"]["before"]["outside_auroc"] is None
