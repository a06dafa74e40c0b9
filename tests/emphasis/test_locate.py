"""Spans by substring."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.emphasis.locate import Occurrence, locate
from boldface.emphasis.span import CharSpan
from boldface.errors import SpanError

TEXT = "red fish, blue fish, Red  Fish"


@pytest.mark.parametrize(
    ("occurrence", "starts"),
    [("first", [4]), ("last", [15]), ("all", [4, 15]), (0, [4]), (1, [15]), (-1, [15]), (-2, [4])],
)
def test_occurrence_chooses_among_the_places(occurrence: Occurrence, starts: list[int]) -> None:
    """First, last, all and an index from 0 (from the end when negative) choose occurrences from the left."""
    assert locate(TEXT, "fish", occurrence) == tuple(CharSpan(start, start + 4) for start in starts)


def test_first_is_the_default_and_strength_is_kept() -> None:
    """Without an occurrence the first one is taken; the strength given is the span's."""
    assert locate(TEXT, "fish", strength=2.0) == (CharSpan(4, 8, 2.0),)


def test_occurrences_do_not_overlap() -> None:
    """In ``aaaaa`` the pair ``aa`` occurs twice, and the last of these is the last."""
    assert locate("aaaaa", "aa", "all") == (CharSpan(0, 2), CharSpan(2, 4))
    assert locate("aaaaa", "aa", "last") == (CharSpan(2, 4),)


def test_substring_is_no_pattern() -> None:
    """Characters that mean something in regular expressions stand for themselves."""
    assert locate("f(x) f.x)", "f(x)", "all") == (CharSpan(0, 4),)


@pytest.mark.parametrize("occurrence", [2, -3, 99])
def test_index_out_of_range_says_how_many_there_are(occurrence: int) -> None:
    """An occurrence that is not there is an error with the count and the valid indices."""
    with pytest.raises(SpanError, match=r"occurs 2 times.*use 0 to 1, or -2 to -1"):
        locate(TEXT, "fish", occurrence)


@pytest.mark.parametrize(
    ("substring", "hint"),
    [
        ("Blue", r"'blue' at \[10, 14\)"),
        ("red\nfish", r"'red fish' at \[0, 8\)"),
        ("RED  FISH", r"'red fish' at \[0, 8\)"),
        (" blue fish,\n", r"'blue fish,' at \[10, 20\)"),
        ("green", "Copy the words"),
        ("\t", "Copy the words"),
    ],
)
def test_absent_substring_is_an_error_with_the_nearest_text(substring: str, hint: str) -> None:
    """An absent substring is refused, and text that differs only in case or whitespace is pointed out."""
    with pytest.raises(SpanError, match=f"does not occur in the text.*{hint}"):
        locate(TEXT, substring)


@pytest.mark.parametrize("occurrence", [True, False, "second", 1.0, None])
def test_unknown_occurrence_is_refused(occurrence: object) -> None:
    """An occurrence is a name or a whole number; True is neither."""
    with pytest.raises(SpanError, match="There is no occurrence"):
        locate(TEXT, "fish", occurrence)  # type: ignore[arg-type]


def test_empty_substring_is_refused() -> None:
    """The empty string occurs everywhere and marks nothing; a number is no text."""
    with pytest.raises(SpanError, match="is text, not 5"):
        locate(TEXT, 5)  # type: ignore[arg-type]
    with pytest.raises(SpanError, match="empty"):
        locate(TEXT, "")


@settings(deadline=None)
@given(st.text("ab ", max_size=30), st.text("ab ", min_size=1, max_size=3), st.integers(-6, 6))
def test_located_text_is_the_substring(text: str, substring: str, index: int) -> None:
    """Every span covers exactly the substring, all of them are as many as str.count says, an index picks one."""
    count = text.count(substring)
    if count == 0:
        with pytest.raises(SpanError):
            locate(text, substring, "all")
        return
    spans = locate(text, substring, "all")
    assert len(spans) == count
    assert {text[span.start : span.end] for span in spans} == {substring}
    if -count <= index < count:
        assert locate(text, substring, index) == (spans[index],)
