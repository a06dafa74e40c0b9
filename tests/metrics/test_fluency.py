from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.metrics.fluency import matched_entropy, ngram_entropy, repeats

words = st.lists(st.sampled_from(["a", "b", "c", "."]), max_size=30)


def test_the_papers_entropy():
    """Eight different words have 7 2-grams and 6 3-grams: (⅔ log₂ 7 + 4/3 log₂ 6) / 2 bits."""
    assert ngram_entropy(list("abcdefgh")) == pytest.approx((2 / 3 * math.log2(7) + 4 / 3 * math.log2(6)) / 2)


def test_repetition_lowers_the_entropy():
    """'a b a b a': 2-grams ab, ba twice each (1 bit); 3-grams aba twice, bab once (0.918 bits)."""
    third = -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3))
    assert ngram_entropy(list("ababa")) == pytest.approx((2 / 3 * 1 + 4 / 3 * third) / 2)


@pytest.mark.parametrize("text", ["", "one", "one two", "no no no no"])
def test_without_different_ngrams_there_is_no_entropy(text):
    """Nothing, one or two words, and one word again and again have 0 bits."""
    assert ngram_entropy(text.split()) == 0


@given(words)
def test_the_entropy_is_bounded_by_the_length(text):
    """k words have at most (⅔ log₂(k − 1) + 4/3 log₂(k − 2)) / 2 bits: short answers score low whatever they say."""
    k = len(text)
    bound = (2 / 3 * math.log2(k - 1) + 4 / 3 * math.log2(k - 2)) / 2 if k > 2 else 0
    assert 0 <= ngram_entropy(text) <= bound + 1e-12


@given(words.filter(lambda text: len(text) > 2), words)
def test_equal_length_undoes_the_length(text, more):
    """An answer and a longer one that begins with it have the same matched entropy."""
    found = matched_entropy({"short": text, "long": text + more})
    assert found["short"] == found["long"] == ngram_entropy(text)


def test_very_short_answers_shorten_no_other():
    """Answers of fewer than three words are n/a, and the others keep their length."""
    text = ["one", "two", "three", "four"]
    found = matched_entropy({"empty": [], "two": ["one", "two"], "whole": text})
    assert found == {"empty": None, "two": None, "whole": ngram_entropy(text)}
    assert matched_entropy({"empty": []}) == {"empty": None}


@pytest.mark.parametrize(
    ("text", "stuck"),
    [
        ("They they They THEY went", True),
        ("They they They went they", False),
        ("the old man sat " * 4, True),
        ("the old man sat " * 3 + "the old man", False),
        ("", False),
    ],
)
def test_stuck_answers(text, stuck):
    """Stuck is a word four times in a row, or the same four words four times."""
    assert repeats(text.split()) is stuck
