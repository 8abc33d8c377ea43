import numpy as np
import pytest

from doyen_router.quality.form import NAMES, form

EXAM = "Which of these is NOT prime?\nA. 2\nB. 391\nC. 5\nD. 7\nAnswer:"


def named(text):
    return dict(zip(NAMES, form(text).tolist(), strict=True))


def test_options_and_their_question_are_told_apart():
    read = named(EXAM)
    assert read["options"] == 4
    assert read["numeric_options"] == 1
    assert read["question_characters"] == pytest.approx(np.log1p(len("Which of these is NOT prime?\n")))
    assert (read["which"], read["negation"], read["how"]) == (1, 1, 0)
    assert read["longest_number"] == 3


def test_a_question_mark_before_the_options_counts():
    assert named(EXAM)["asks"] == 1
    assert named("The capital of France is:\nA. Rome\nB. Paris")["continues"] == 1


def test_one_line_that_looks_like_an_option_is_none():
    assert named("A. Smith wrote a book.")["options"] == 0


def test_formulas_and_code_leave_their_marks():
    assert named("Find $x^2 + \\frac{1}{2}$")["tex"] > 0
    assert named("def f(x): return g();")["code_marks"] > 0
    assert named("how many apples")["quantity"] == 1


@pytest.mark.parametrize("text", ["", " ", "?", "\n\n", "😀" * 3, "٣" * 50, "A. \nB. \n", "x" * 100_000, "9" * 9000])
def test_any_text_has_a_finite_form(text):
    values = form(text)
    assert values.shape == (len(NAMES),)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
