from __future__ import annotations

import pytest

from boldface.metrics.instructions.sentences import count_sentences


# The counts are those of nltk's Punkt with its published English parameters.
@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It is so. Why? No!", 3),
        ("it is so. why? no!", 3),
        ("Dr. Smith met Mrs. Lee at 5 p.m. on Monday.", 1),
        ("James C. Brown came. He sat.", 2),
        ("The agreement with Smith Ltd. The firm kept it.", 2),
        ("It costs 3.5 dollars. It is cheap.", 2),
        ("1. one\n2. two", 1),
        ("Wait... what? Yes.", 2),
        ("See e.g. Smith. It is so.", 3),
        ("no full stop", 1),
        ("", 0),
    ],
)
def test_sentences_are_counted_as_punkt_counts_them(text: str, count: int):
    """Capitals are not needed for a sentence to begin; abbreviations and initials end none."""
    assert count_sentences(text) == count
