from __future__ import annotations

import pytest

from boldface.metrics.pronoun_answers import SUBJECTS, changed, free_of, share_gone, share_kept
from boldface.metrics.pronoun_tokens import PRONOUNS

BIO = "Ray Taylor was an American film director. He directed 159 films. His debut was a serial of 1926."
RIGHT = "Ray Taylor was an American film director. They directed 159 films. Their debut was a serial of 1926."


def test_published_accuracies_count_an_empty_answer():
    """An empty answer is free of pronouns: that is why the strict score stands beside it."""
    assert free_of("", SUBJECTS) and free_of("", PRONOUNS)
    assert not changed("", BIO)


def test_subjects_are_fewer_than_all_pronouns():
    """With his left, Acc. is met and A. Acc. is not."""
    half = RIGHT.replace("Their", "His")
    assert free_of(half, SUBJECTS) and not free_of(half, PRONOUNS)
    assert changed(half, BIO)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (RIGHT, True),
        (f"Here it is: {RIGHT}", True),
        (BIO, False),
        ("film director", False),
        ("They They They They", False),
        (BIO.replace("He", "Ray").replace("His", "The"), False),
        ("They directed 159 films. Their debut was a serial.", False),
        (RIGHT.replace("They directed", "She directed"), False),
    ],
)
def test_changed_wants_the_text_and_the_change(answer: str, right: bool):
    """Copies, answers without the text, repetitions, and texts without they do not count as changed."""
    assert changed(answer, BIO) is right


def test_a_text_without_subjects_needs_no_they():
    """Where there was neither she nor he, an unchanged text is right."""
    assert changed("Ray Taylor was a film director.", "Ray Taylor was a film director.")


def test_shares_are_between_nothing_and_all():
    """Gone and kept are 1 for a right answer; 0 gone for a copy; 0 kept for nothing."""
    assert share_gone(RIGHT, BIO) == share_kept(RIGHT, BIO) == 1
    assert share_gone(BIO, BIO) == 0 and share_kept("", BIO) == 0
    assert share_gone(f"{BIO} He and he.", BIO) == 0
    assert share_gone("They directed. His debut.", BIO) == 0.5
    assert share_kept("Ray Taylor directed films", BIO) == pytest.approx(4 / 11)
