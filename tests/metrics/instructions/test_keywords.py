from __future__ import annotations

from boldface.metrics.instructions.keywords import existence, forbidden_words, frequency, letter_frequency


def test_special_characters_are_letters():
    """A keyword is text, never a pattern."""
    assert existence("I like C++", keywords=["c++"])
    assert not frequency("abc", keyword="a.c", frequency=1, relation="at least")
    assert forbidden_words("abc", forbidden_words=["a.c"])


def test_occurrences_do_not_overlap():
    """``aa`` occurs twice in ``aaaa``."""
    assert frequency("aaaa", keyword="aa", frequency=3, relation="less than")


def test_marks_count_as_letters():
    """Exclamation marks and hashes are counted as themselves; an older copy of the checks drew a letter instead."""
    assert letter_frequency("#a #b", letter="#", let_frequency=2, let_relation="at least")
    assert not letter_frequency("a b", letter="#", let_frequency=1, let_relation="at least")
