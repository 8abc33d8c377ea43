"""Fitting, choosing, adding and removing, on a world whose truth is known."""

import numpy as np
import pytest

from doyen_router.quality.choice import LambdaInvalid, NobodyAllowed, choose
from doyen_router.quality.evaluation import NoRowsToCompare, evaluate_quality
from doyen_router.quality.model import ExpertNotAppraised, LastExpert, QualityModel, remove_expert
from doyen_router.quality.rows import ScoredText
from doyen_router.quality.training import (
    CostsMissing,
    ExpertAppraisedAlready,
    ExpertNotCompared,
    NoRowComparesExperts,
    NotScored,
    TooFewExperts,
    add_expert,
    fit_quality,
)

PROSE_TEXT, SUMS_TEXT = "queen song river poem letter", "prime root divide angle add"


def chosen(model, words, text, price, **more):
    return choose(model, text, words.encode([text])[0], lambda_per_usd=price, **more).expert


def test_each_specialist_is_expected_to_be_good_at_its_own(model: QualityModel, words, others):
    texts = [row.text for row in others]
    expected = model.batch_qualities(texts, words.encode(texts))
    prose, sums = (dict(zip(model.experts, expected[start::2].mean(axis=0), strict=True)) for start in (0, 1))
    assert prose == pytest.approx({"all": 0.95, "scholar": 0.9, "calculator": 0.3}, abs=0.1)
    assert sums == pytest.approx({"all": 0.95, "scholar": 0.3, "calculator": 0.9}, abs=0.1)


def test_money_decides_between_equals(model, words):
    assert chosen(model, words, PROSE_TEXT, 100) == "scholar"
    assert chosen(model, words, SUMS_TEXT, 100) == "calculator"
    assert chosen(model, words, SUMS_TEXT, 0, allowed=["scholar", "all"]) == "all"
    assert chosen(model, words, SUMS_TEXT, 1000, allowed=["scholar", "all"]) == "scholar"


def test_a_choice_that_makes_no_sense_is_refused(model, words):
    with pytest.raises(LambdaInvalid):
        chosen(model, words, PROSE_TEXT, -1)
    with pytest.raises(LambdaInvalid):
        chosen(model, words, PROSE_TEXT, float("nan"))
    with pytest.raises(ExpertNotAppraised, match="nobody"):
        chosen(model, words, PROSE_TEXT, 0, allowed=["nobody"])
    with pytest.raises(NobodyAllowed):
        chosen(model, words, PROSE_TEXT, 0, allowed=[])


def test_one_text_and_a_batch_agree(model, words, others):
    texts = [row.text for row in others[:20]]
    vectors = words.encode(texts)
    alone = np.stack([model.qualities(text, vector) for text, vector in zip(texts, vectors, strict=True)])
    assert model.batch_qualities(texts, vectors) == pytest.approx(alone, abs=1e-4)


def test_the_same_rows_give_the_same_version(model, rows, words):
    assert fit_quality(rows, words).version == model.version
    assert fit_quality(rows[:-1], words).version != model.version


def test_the_model_beats_the_zero_router_and_loses_to_the_oracle(model, words, others):
    report = evaluate_quality(model, words, others)
    aiq = {name: of["aiq"] for name, of in report["routers"].items()}
    assert aiq["zero"] < aiq["model"] < aiq["oracle"]
    assert aiq["best_single"] <= aiq["random"] <= aiq["zero"] + 1e-9
    assert report["best_single"] == "all"
    assert report["routers"]["model"]["qnc"] is None or report["routers"]["model"]["qnc"] < 1
    assert report["r2"] > 0.2
    assert report["pair"]["strong"] == "all"
    assert report["pair"]["apgr_low"] < report["pair"]["apgr"] < report["pair"]["apgr_high"]
    assert report["pair"]["apgr"] > 0.6
    assert len(report["routers"]["model"]["curve"]) <= 21


def test_rows_with_a_missing_score_are_counted_and_left_out(model, words, others, without):
    report = evaluate_quality(model, words, [*others[:30], *without(others[30:50], "scholar")])
    assert (report["count"], report["skipped"]) == (30, 20)
    with pytest.raises(NoRowsToCompare, match="calculator"):
        evaluate_quality(model, words, without(others, "calculator"))


def test_scores_may_be_missing(rows, words, others, without):
    third = len(rows) // 3
    holed = without(rows[:third], "all") + without(rows[third : 2 * third], "scholar") + rows[2 * third :]
    model = fit_quality(holed, words)
    assert model.card.experts["all"].rows == 200
    assert chosen(model, words, PROSE_TEXT, 100) == "scholar"
    assert evaluate_quality(model, words, others)["r2"] > 0.2


def test_a_newcomer_is_fitted_alone_and_the_others_keep_every_bit(rows, words, others, without):
    before = fit_quality(without(rows, "calculator"), words)
    after = add_expert(before, "calculator", others[:60], words)
    assert after.experts == ("all", "scholar", "calculator")
    assert after.card.parent == before.version
    assert after.card.experts["calculator"].origin == "added"
    for row in others[60:90]:
        vector = words.encode([row.text])[0]
        assert (before.qualities(row.text, vector) == after.qualities(row.text, vector)[:2]).all()
    assert chosen(after, words, SUMS_TEXT, 100) == "calculator"
    assert chosen(after, words, PROSE_TEXT, 100) == "scholar"


def test_a_leaver_takes_only_itself(model, rows, words, others):
    grown = add_expert(
        model, "twin", [ScoredText(row.text, {"twin": row.scores["all"]}, {"twin": 0.0}) for row in rows[:50]], words
    )
    for leaver in ("calculator", "twin"):
        left = remove_expert(grown, leaver)
        kept = [grown.experts.index(name) for name in left.experts]
        for row in others[:20]:
            vector = words.encode([row.text])[0]
            assert (left.qualities(row.text, vector) == grown.qualities(row.text, vector)[kept]).all()
    assert remove_expert(grown, "twin").tensors.keys() == model.tensors.keys()
    with pytest.raises(ExpertNotAppraised):
        remove_expert(grown, "nobody")


def test_the_shared_part_outlives_its_first_experts(rows, words, without):
    model = fit_quality(without(rows, "calculator"), words)
    grown = add_expert(model, "calculator", rows[:60], words)
    alone = remove_expert(remove_expert(grown, "all"), "scholar")
    vector = words.encode([SUMS_TEXT])[0]
    assert alone.experts == ("calculator",)
    assert alone.qualities(SUMS_TEXT, vector)[0] == grown.qualities(SUMS_TEXT, vector)[2]
    with pytest.raises(LastExpert):
        remove_expert(alone, "calculator")


def test_a_hundred_experts_fit(rows, words):
    many = [
        ScoredText(
            row.text,
            {f"e{number:02d}": row.scores["scholar" if number % 2 else "calculator"] for number in range(100)},
            {f"e{number:02d}": 0.001 * (1 + number) for number in range(100)},
        )
        for row in rows[:80]
    ]
    model = fit_quality(many, words)
    assert chosen(model, words, SUMS_TEXT, 100) == "e00"
    assert chosen(model, words, PROSE_TEXT, 100) == "e01"


def test_very_little_material_gives_the_means(words):
    row = ScoredText("queen song", {"a": 1.0, "b": 0.5}, {"a": 0.0, "b": 0.0})
    for rows in ([row], [row, row], [row] * 7):
        model = fit_quality(rows, words)
        assert model.qualities("prime root", words.encode(["prime root"])[0]) == pytest.approx([1.0, 0.5], abs=1e-5)
        report = evaluate_quality(model, words, rows)
        assert report["routers"]["model"]["aiq"] is None
        assert report["routers"]["model"]["peak_quality"] == 1
        assert report["r2"] == 0


def test_more_texts_than_landmarks_are_sampled_and_rare_experts_kept(rows, words, without, monkeypatch):
    from doyen_router.quality import training

    monkeypatch.setattr(training, "MOST_LANDMARKS", 60)
    model = fit_quality(without(rows[:-20], "calculator") + rows[-20:], words)
    panel = model.panels[0]
    assert panel.landmarks_LP.shape[0] == 60
    # All but a chance few of the twenty rows that score the calculator are among the sixty.
    assert np.count_nonzero(panel.weights_EL[model.experts.index("calculator")]) >= 15
    assert model.card.experts["calculator"].rows == 20
    assert model.card.data["rows"].count == 300


def test_rows_that_cannot_be_learnt_from_are_refused(rows, words, model, without):
    with pytest.raises(TooFewExperts, match="'all'"):
        fit_quality(without(rows, "scholar", "calculator"), words)
    with pytest.raises(NoRowComparesExperts):
        fit_quality(without(rows[:9], "all", "scholar") + without(rows[9:], "all", "calculator"), words)
    with pytest.raises(ExpertNotCompared, match="calculator"):
        fit_quality(without(rows[:9], "all", "scholar") + without(rows[9:], "calculator"), words)
    unpriced = [ScoredText(row.text, row.scores, {"all": 1.0, "scholar": 0.1}) for row in rows]
    with pytest.raises(CostsMissing, match="calculator"):
        fit_quality(unpriced, words)
    with pytest.raises(ExpertAppraisedAlready):
        add_expert(model, "all", rows, words)
    with pytest.raises(NotScored, match="newcomer"):
        add_expert(model, "newcomer", rows, words)
    with pytest.raises(CostsMissing):
        add_expert(model, "newcomer", [ScoredText("x", {"newcomer": 1.0})], words)
