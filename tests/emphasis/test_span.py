"""Spans and the laws of flattening."""

from __future__ import annotations

from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.emphasis.span import CharSpan, EmphasisedText, TokenSpan, flatten, strongest
from boldface.errors import SpanError, StrengthError

DEFAULT = 4.5
LENGTH = 12


@st.composite
def spans(draw: st.DrawFn, strengths: tuple[float | None, ...] = (None, 0.0, 1.0, 2.5, 4.5, 6.0)) -> CharSpan:
    """A span within LENGTH characters; its default strengths never tie in size with another sign."""
    start = draw(st.integers(0, LENGTH - 1))
    return CharSpan(start, draw(st.integers(start + 1, LENGTH)), draw(st.sampled_from(strengths)))


MIXED = spans((None, 0.0, 1.0, -2.0, 3.0, -4.0))


def nats_at(flat: tuple[CharSpan, ...]) -> list[float | None]:
    """The strength of every character; None where no span covers it."""
    nats: list[float | None] = [None] * LENGTH
    for span in flat:
        for i in range(span.start, span.end):
            assert nats[i] is None, "spans overlap"
            nats[i] = span.strength
    return nats


@settings(deadline=None)
@given(st.lists(MIXED))
def test_flatten_gives_every_character_its_largest_strength(given_spans: list[CharSpan]) -> None:
    """Each character gets the strength of largest size that covers it, the default where None is; others get none."""
    expected: list[float | None] = []
    for i in range(LENGTH):
        covering = [
            DEFAULT if span.strength is None else span.strength for span in given_spans if span.start <= i < span.end
        ]
        expected.append(max(covering, key=abs) if covering else None)
    assert nats_at(flatten(given_spans, DEFAULT)) == expected


@settings(deadline=None)
@given(st.lists(MIXED), st.randoms())
def test_flatten_is_idempotent_and_blind_to_order(given_spans: list[CharSpan], random: object) -> None:
    """Flattening twice is flattening once, and the order of the spans does not matter."""
    flat = flatten(given_spans, DEFAULT)
    shuffled = list(given_spans)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert flatten(flat, DEFAULT) == flat
    assert flatten(shuffled, DEFAULT) == flat
    assert all(left.end <= right.start for left, right in pairwise(flat))


@settings(deadline=None)
@given(st.lists(MIXED), st.lists(MIXED))
def test_flatten_is_a_union(left: list[CharSpan], right: list[CharSpan]) -> None:
    """Flattening two flattened halves together is flattening all spans at once."""
    halves = flatten(left, DEFAULT) + flatten(right, DEFAULT)
    assert flatten(halves, DEFAULT) == flatten(left + right, DEFAULT)


@settings(deadline=None)
@given(MIXED, st.data())
def test_marking_in_pieces_is_marking_whole(whole: CharSpan, data: st.DataObject) -> None:
    """A span marked in many pieces, overlapping or not, has the strength of the span marked once: it never drifts."""
    cuts = data.draw(st.lists(st.integers(whole.start + 1, whole.end), max_size=4).map(sorted))
    edges = [whole.start, *cuts, whole.end]
    pieces = [CharSpan(start, end, whole.strength) for start, end in pairwise(edges) if start < end]
    again = data.draw(st.lists(st.sampled_from(pieces), max_size=3))
    assert flatten(pieces + again, DEFAULT) == flatten([whole], DEFAULT)


@settings(deadline=None)
@given(spans(strengths=(3.0,)), spans(strengths=(-3.0,)))
def test_tie_of_opposite_signs_is_an_error(up: CharSpan, down: CharSpan) -> None:
    """+s and -s on one character are refused in any order, and are fine apart."""
    for order in ([up, down], [down, up]):
        if max(up.start, down.start) < min(up.end, down.end):
            with pytest.raises(SpanError, match="Two spans pull"):
                flatten(order, DEFAULT)
        else:
            assert len(flatten(order, DEFAULT)) == 2


def test_tie_below_a_larger_strength_is_no_tie() -> None:
    """Where a larger strength decides, smaller ones may contradict each other."""
    assert flatten([CharSpan(0, 1, 1), CharSpan(0, 1, -1), CharSpan(0, 1, 2)], DEFAULT) == (CharSpan(0, 1, 2.0),)


def test_default_can_tie_with_suppression() -> None:
    """The default is resolved before strengths are compared."""
    with pytest.raises(SpanError):
        flatten([CharSpan(0, 2), CharSpan(1, 3, -DEFAULT)], DEFAULT)


def test_zero_is_kept_and_loses_to_everything() -> None:
    """Strength 0 says "not emphasised" and any other strength covers it."""
    assert flatten([CharSpan(0, 3, 0.0), CharSpan(1, 2, -0.1)], DEFAULT) == (
        CharSpan(0, 1, 0.0),
        CharSpan(1, 2, -0.1),
        CharSpan(2, 3, 0.0),
    )
    assert strongest([0.0, -0.0], "here") == 0


@pytest.mark.parametrize("kind", [CharSpan, TokenSpan])
@pytest.mark.parametrize(
    ("start", "end"), [(-1, 2), (2, 2), (3, 2), (True, 2), (0, True), (0.0, 2), ("0", 2), (None, 1)]
)
def test_span_is_a_range_of_whole_numbers(kind: type[CharSpan], start: object, end: object) -> None:
    """Negative, empty, reversed and fractional ranges are refused, and so are flags."""
    with pytest.raises(SpanError) as caught:
        kind(start, end, 1.0)  # type: ignore[arg-type]
    assert caught.value.hint


@pytest.mark.parametrize("strength", [float("nan"), float("inf"), 31.0])
def test_span_checks_its_strength(strength: float) -> None:
    """A span cannot carry a strength that no call would take."""
    with pytest.raises(StrengthError):
        CharSpan(0, 1, strength)


def test_text_sorts_its_spans_and_holds_them_within() -> None:
    """Spans are kept in order of their place, and one beyond the text is refused."""
    assert EmphasisedText("abc", (CharSpan(1, 2), CharSpan(0, 1, 2))).spans == (CharSpan(0, 1, 2), CharSpan(1, 2))
    with pytest.raises(SpanError, match="ends beyond the text of 3 characters"):
        EmphasisedText("abc", (CharSpan(1, 4),))


def test_text_orders_spans_of_one_place_alike() -> None:
    """The order in which two spans of the same place were given does not show, default strength included."""
    one, two = CharSpan(0, 1), CharSpan(0, 1, 2.0)
    assert EmphasisedText("a", (one, two)) == EmphasisedText("a", (two, one))


@pytest.mark.parametrize(("text", "spans"), [(None, ()), (5, ()), ("abc", [(0, 1)]), ("abc", CharSpan(0, 1)), ("a", 3)])
def test_texts_are_strings_and_spans_are_char_spans(text: object, spans: object) -> None:
    """Anything else is refused where it is written down; a single CharSpan is a sequence of one."""
    if isinstance(spans, CharSpan):
        assert EmphasisedText(text, spans).spans == (spans,)  # type: ignore[arg-type]
        return
    with pytest.raises(SpanError):
        EmphasisedText(text, spans)  # type: ignore[arg-type]


def test_flattening_many_spans_takes_no_square_of_time() -> None:
    """20 000 spans, each overlapping its neighbours, are flattened in seconds; comparing all pairs takes minutes."""
    many = [CharSpan(3 * i, 3 * i + 5, 1.0 + i % 7) for i in range(20_000)]
    began = process_time()
    flat = flatten(many, DEFAULT)
    assert process_time() - began < 3
    assert (flat[0].start, flat[-1].end) == (0, 3 * 19_999 + 5)
