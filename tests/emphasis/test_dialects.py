"""Dialects of other systems, and their mapping to nats."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.emphasis.dialects import DIALECTS, parse_dialect
from boldface.emphasis.weights import nats_from_weight
from boldface.errors import EmphasisError, MarkupError, StrengthError

NINE_TENTHS = math.log(0.9) / math.log(1.1)


def marked(text: str, dialect: str) -> tuple[str, list[tuple[str, float | None]]]:
    """Return the text without markup and the emphasised words with their nats."""
    found = parse_dialect(text, dialect)
    return found.text, [(found.text[span.start : span.end], span.strength) for span in found.spans]


CASES: list[tuple[str, str, str, list[tuple[str, float | None]]]] = [
    ("markdown", "**a** b", "a b", [("a", None)]),
    ("a1111", "a (b)", "a b", [("b", 1.0)]),
    ("a1111", "((b))", "b", [("b", 2.0)]),
    ("a1111", "[b]", "b", [("b", -1.0)]),
    ("a1111", "([b] c)", "b c", [("b", 0.0), (" c", 1.0)]),
    ("a1111", "(two words:1.21)", "two words", [("two words", 2.0)]),
    ("a1111", "(a: 0.5 )", "a", [("a", math.log(0.5) / math.log(1.1))]),
    ("a1111", "((a:1.21) b)", "a b", [("a", 3.0), (" b", 1.0)]),
    ("a1111", r"f\(x\) \[1\] a\\b \n", r"f(x) [1] a\b \n", []),
    ("a1111", "a: b, 10:30 **c**", "a: b, 10:30 **c**", []),
    ("compel", "a word+ b", "a word b", [("word", 1.0)]),
    ("compel", "word++, word--", "word, word", [("word", 2.0), ("word", 2 * NINE_TENTHS)]),
    ("compel", "(two words)++", "two words", [("two words", 2.0)]),
    ("compel", "(two words)1.21.", "two words.", [("two words", 2.0)]),
    ("compel", "(two words).5", "two words", [("two words", math.log(0.5) / math.log(1.1))]),
    ("compel", "(a (b)+ c)+", "a b c", [("a ", 1.0), ("b", 2.0), (" c", 1.0)]),
    ("compel", "well-known++ don't-", "well-known don't", [("well-known", 2.0), ("don't", NINE_TENTHS)]),
    ("compel", "a+b 1+1 --flag x--y (b) :) a - b", "a+b 1+1 --flag x--y (b) :) a - b", []),
    ("compel", r"C\+\+ pre\- \(a\)\+", "C++ pre- (a)+", []),
    ("spa", "a <anchor>b c</anchor>", "a b c", [("b c", None)]),
    ("spa", r"\<anchor> \\<anchor>b</anchor>", r"<anchor> \b", [("b", None)]),
    ("mark", '<mark class="x">a</MARK > <marker>', "a <marker>", [("a", None)]),
    ("mark", "<mark>a <mark>b</mark></mark>", "a b", [("a b", None)]),
    ("guide", "<!->a<-!> <!!->b<-!!> <!!!->c<-!!!>", "a b c", [("a", 0.5), ("b", 1.0), ("c", 2.0)]),
    ("guide", "<!!!->a <!->b<-!> c<-!!!>", "a b c", [("a ", 2.0), ("b", 0.5), (" c", 2.0)]),
    ("guide", r"\<!-> <!-- comment --> \<?->", r"<!-> <!-- comment --> \<?->", []),
]


@pytest.mark.parametrize(("dialect", "source", "text", "words"), CASES)
def test_dialect_maps_to_nats(dialect: str, source: str, text: str, words: list[tuple[str, float | None]]) -> None:
    """Each dialect emphasises what its own system would, and its marks vanish."""
    found_text, found = marked(source, dialect)
    assert found_text == text
    assert [word for word, _ in found] == [word for word, _ in words]
    assert [nats for _, nats in found] == [nats if nats is None else pytest.approx(nats) for _, nats in words]


@pytest.mark.parametrize(
    ("dialect", "source", "message"),
    [
        ("a1111", "a (b", "line 1, column 3 never closes"),
        ("a1111", "a [b", "line 1, column 3 never closes"),
        ("a1111", "a\nb)", "line 2, column 2 has no opening bracket"),
        ("a1111", "(a]", "has no opening bracket"),
        ("a1111", "[a:1.3]", "weight in square brackets"),
        ("a1111", "f()", "Nothing stands between"),
        ("a1111", "(a:0)", "above 0"),
        ("a1111", "(a:-1)", "above 0"),
        ("a1111", "(a:100)", "cap"),
        ("compel", "a)++", "has no opening bracket"),
        ("compel", "()++", "Nothing stands between"),
        ("compel", "(a)0", "above 0"),
        ("compel", "a" + "+" * 31, "cap"),
        ("spa", "<anchor>a", "line 1, column 1 never closes"),
        ("spa", "a</anchor>", "does not close anything"),
        ("spa", "<anchor></anchor>", "Nothing stands before"),
        ("mark", "<mark>a\n<mark>b</mark>", "line 1, column 1 never closes"),
        ("guide", "<!->a<-!!>", "does not close the <!-> before it"),
        ("guide", "<!->a <!!->b<-!> c<-!!>", "does not close the <!!-> before it"),
        ("guide", "a <?->b<-?>", "asks for a measurement"),
    ],
)
def test_broken_dialect_is_refused(dialect: str, source: str, message: str) -> None:
    """What does not pair, covers nothing or has no usable weight is one error with a way out."""
    with pytest.raises(MarkupError, match=message) as caught:
        parse_dialect(source, dialect)
    assert caught.value.hint


def test_unknown_dialect_lists_the_known_ones() -> None:
    """An unknown dialect is an error that names all six."""
    with pytest.raises(MarkupError) as caught:
        parse_dialect("a", "bbcode")
    assert all(name in caught.value.hint for name in DIALECTS)
    assert len(DIALECTS) == 6


def test_nested_weights_keep_the_cap() -> None:
    """Brackets that multiply to more than 30 nats are refused."""
    with pytest.raises(StrengthError, match="cap"):
        parse_dialect("(" * 31 + "a" + ")" * 31, "a1111")


def test_weights_that_images_bear_are_strengths_that_models_bear() -> None:
    """No weight is no nats, one step is one nat, and 1.55 is about the paper's factor of 100."""
    assert nats_from_weight(1) == 0
    assert nats_from_weight(1.1) == pytest.approx(1)
    assert nats_from_weight(1.55) == pytest.approx(math.log(100), abs=0.02)
    assert nats_from_weight(1 / 1.3) == pytest.approx(-nats_from_weight(1.3))


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(DIALECTS),
    st.lists(
        st.sampled_from(["(", ")", "[", "]", ":1.3)", "++", "--", ")+", "<!->", "<-!>", "<!!->", "<-!!>", "<anchor>"])
        | st.sampled_from(["</anchor>", "<mark>", "</mark>", "\\", "word", " ", "\n", "**", "2", "字"])
    ).map("".join),
)
def test_any_text_gives_disjoint_spans_or_one_error(dialect: str, source: str) -> None:
    """Whatever is typed, a dialect returns disjoint spans or an error about emphasis."""
    try:
        found = parse_dialect(source, dialect)
    except EmphasisError as error:
        assert error.hint
        return
    assert all(left.end <= right.start for left, right in pairwise(found.spans))
    assert len(found.text) <= len(source)


@settings(deadline=None)
@given(st.sampled_from(DIALECTS), st.text("abc ,.!?\n字é", max_size=30))
def test_prose_is_text_in_every_dialect(dialect: str, text: str) -> None:
    """Text without any mark reads as itself."""
    found = parse_dialect(text, dialect)
    assert (found.text, found.spans) == (text, ())
