"""The sketch of a text's words: what it promises, by numbers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from doyen_router.text_features import LEXICAL_DIMENSIONS, READ_CHARS, featured, features, lexical_sketch


@settings(deadline=None, max_examples=80)
@given(st.text(max_size=200))
def test_any_text_has_a_sketch_of_length_one_or_none(text):
    sketch = lexical_sketch(text)
    assert sketch.shape == (LEXICAL_DIMENSIONS,)
    assert sketch.dtype == np.float32
    length = float(np.linalg.norm(sketch))
    assert length == 0 or abs(length - 1) < 1e-5


def test_texts_that_share_words_have_near_sketches_whatever_their_case_and_width():
    asked = lexical_sketch("refund my last order")
    assert asked @ lexical_sketch("please refund my order") > 0.6
    assert abs(asked @ lexical_sketch("hydrangea wilts in August")) < 0.2
    assert np.array_equal(asked, lexical_sketch("Refund MY last order"))
    assert np.array_equal(asked, lexical_sketch("Ｒｅｆｕｎｄ my last order"))
    assert asked @ lexical_sketch("refnud my last order") > 0.5, "a slip of the finger"


def test_the_order_of_words_counts_a_little():
    assert 0.5 < lexical_sketch("dog bites man") @ lexical_sketch("man bites dog") < 0.95


def test_a_sketch_is_the_same_in_every_process():
    expected = [0.01038965, 0.03116894, -0.05194823, -0.1142861]
    assert np.allclose(lexical_sketch("hello world")[:4], expected, atol=1e-6)


def test_wordless_and_broken_texts_are_zero_and_long_ones_are_read_in_part():
    for text in ("", "?! ...", "\ud800"):
        assert not lexical_sketch(text).any()
    start = "word " * (READ_CHARS // 5)
    assert np.array_equal(lexical_sketch(start), lexical_sketch(start + "and never this"))


def test_features_are_the_vector_and_the_sketch_side_by_side(encoder):
    texts = ["will it rain", "pay my bill"]
    found = features(encoder, texts)
    assert found.shape == (2, encoder.dimensions + LEXICAL_DIMENSIONS)
    assert np.array_equal(found[:, : encoder.dimensions], encoder.encode(texts))
    assert np.array_equal(found[1, encoder.dimensions :], lexical_sketch(texts[1]))
    assert featured(encoder.encode([]), []).shape == (0, encoder.dimensions + LEXICAL_DIMENSIONS)
