from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.metrics.answers import best_subspan, contains, exact, f1, first_line, normalised

CLOSED = ("yes", "no", "noanswer")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Quick, Brown Fox!", "quick brown fox"),
        ("U.S.A.", "usa"),
        ("an apple a day", "apple day"),
        ("theatre", "theatre"),
        ("don't", "dont"),
        ("  ", ""),
    ],
)
def test_normalised_as_squad_does(text: str, expected: str):
    """Case, ASCII punctuation, whole-word articles and spaces go; nothing else does."""
    assert normalised(text) == expected


def test_exact_takes_any_right_answer():
    """One of several right answers is enough, and a longer answer is not exact."""
    assert exact("the North.", ["south", "North"]) == 1
    assert exact("to the north", ["North"]) == 0


@pytest.mark.parametrize(
    ("answer", "golds", "expected"),
    [
        ("Bill Clinton", ["William Clinton"], 0.5),
        ("the president Bill Clinton", ["Bill Clinton"], 0.8),
        ("cat cat", ["cat"], 2 / 3),
        ("dog", ["cat"], 0.0),
        ("", ["cat"], 0.0),
        ("the", ["a"], 1.0),
        ("red", ["blue", "red"], 1.0),
    ],
)
def test_f1_by_hand(answer: str, golds: list[str], expected: float):
    """F1 counts shared words with their multiplicity and takes the best right answer."""
    assert f1(answer, golds) == pytest.approx(expected)


def test_closed_answers_count_whole():
    """With HotpotQA's rule, *yes it is* shares nothing with *yes*; without it, a third."""
    assert f1("yes it is", ["yes"]) == 0.5
    assert f1("yes it is", ["yes"], CLOSED) == 0
    assert f1("Yes.", ["yes"], CLOSED) == 1


def test_containment_by_letters_and_by_words():
    """Liu et al. look for letters, so *no* is in *nobody*; ours looks for words."""
    assert (best_subspan("nobody knows", ["No"]), contains("nobody knows", ["No"])) == (1, 0)
    assert (
        best_subspan("It was the Beatles, I think", ["Beatles"]),
        contains("It was the Beatles", ["The Beatles"]),
    ) == (
        1,
        1,
    )
    assert (best_subspan("x", ["the"]), contains("x", ["the"])) == (1, 0)


@given(st.text(), st.lists(st.text(), min_size=1, max_size=3))
def test_the_scores_are_ordered(answer: str, golds: list[str]):
    """What is exact has F1 1; what holds the words holds the letters; every score lies between 0 and 1."""
    if exact(answer, golds):
        assert f1(answer, golds) == 1
    assert contains(answer, golds) <= best_subspan(answer, golds)
    assert 0 <= f1(answer, golds) <= 1


def test_first_line():
    """The first line that holds text, without space around it."""
    assert first_line("\n\n Paris \nQuestion: …") == "Paris"
    assert first_line(" ") == ""
