from __future__ import annotations

import pytest

from boldface.metrics.instructions.lengths import nth_paragraph_first_word, number_paragraphs, number_words


@pytest.mark.parametrize(
    ("answer", "count"),
    [("a", 1), ("", 0), ("***", 0), ("a***b", 2), ("***a\n***\nb***", 2), ("a ****b", 2)],
)
def test_paragraphs_stand_between_dividers(answer: str, count: int):
    """Empty paragraphs at the ends do not count."""
    assert number_paragraphs(answer, num_paragraphs=count)
    assert not number_paragraphs(answer, num_paragraphs=count + 1)


def test_an_empty_paragraph_in_the_middle_is_wrong():
    """An empty paragraph between two dividers fails whatever number is asked."""
    assert not any(number_paragraphs("a\n***\n \n***\nb", num_paragraphs=count) for count in range(4))


@pytest.mark.parametrize(
    ("answer", "follows"),
    [
        ("a b\n\n'\"Then! x", True),
        ("a b\n\nTHEN", True),
        ("a b\n\nThen-so", False),
        ("a b\n\nThenceforth", False),
        ("a b\n\nThen\n\nc", False),
        ("\n\nThen\n\na", True),
        ("a\n\n\n\nThen", False),
        ("Then", False),
    ],
)
def test_the_nth_paragraph_begins_with_the_word(answer: str, follows: bool):
    """Paragraphs that are empty do not count, but do when the nth is looked up, as published."""
    assert nth_paragraph_first_word(answer, num_paragraphs=2, nth_paragraph=2, first_word="then") is follows


def test_a_word_is_a_run_of_letters_and_figures():
    """``it's`` is two words, ``well-known`` two, ``3.5`` two."""
    assert number_words("it's well-known: 3.5", num_words=6, relation="at least")
    assert number_words("it's well-known: 3.5", num_words=7, relation="less than")
