"""What a person writes for one side of a sweep."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.strength import nats_from_alpha, nats_from_factor
from boldface.errors import StrengthError, SweepError
from boldface.sweeps.axis import Axis, read_axis

NUMBERS = st.floats(0.01, 20).map(lambda number: round(number, 4))


def same(number: float) -> float:
    """Nothing is converted."""
    return number


@given(NUMBERS, NUMBERS)
def test_a_range_holds_what_lies_between(a, b):
    """Both ends whichever comes first, everything between, and nothing else; an empty range is refused."""
    if a == b:
        with pytest.raises(SweepError, match="no range"):
            read_axis(f"{a}:{b}", "--strength", same)
        return
    axis = read_axis(f"{a}:{b}", "--strength", same)
    assert (axis.low, axis.high, axis.values) == (min(a, b), max(a, b), ())
    assert axis.holds(a) and axis.holds((a + b) / 2)
    assert not axis.holds(max(a, b) + 0.1) and not axis.holds(min(a, b) - 0.1)


@given(NUMBERS, NUMBERS.filter(lambda number: number > 0.1), st.integers(2, 12), st.booleans())
def test_steps_are_even_or_by_a_factor(low, length, count, even):
    """So many values from end to end; neighbours differ by the same step, or by the same factor."""
    axis = read_axis(f"{low}:{low + length}:{count}", "--head-counts", same, even=even)
    assert len(axis.values) == count
    assert axis.low == axis.values[0] == pytest.approx(low) and axis.high == axis.values[-1] == pytest.approx(
        low + length
    )
    pairs = list(zip(axis.values, axis.values[1:], strict=False))
    apart = [b - a if even else b / a for a, b in pairs]
    assert apart == pytest.approx([apart[0]] * len(apart), rel=0.01)


@given(st.lists(NUMBERS, min_size=1, max_size=6))
def test_values_are_those_written(numbers):
    """Each once, ascending; nothing between them is tried."""
    axis = read_axis(",".join(map(str, numbers)), "--strength", same)
    assert axis.values == tuple(sorted(set(numbers)))
    assert axis == Axis.of(tuple(numbers))
    assert not axis.holds(axis.high + 1)


def test_factors_and_alphas_are_nats():
    """Whatever the spelling, the same strengths; an alpha range runs the other way."""
    nats = read_axis(f"{math.log(2)}:{math.log(100)}:4", "--strength", same)
    assert read_axis("2:100:4", "--factor", nats_from_factor).values == pytest.approx(nats.values)
    assert read_axis("0.5:0.01:4", "--alpha", nats_from_alpha).values == pytest.approx(nats.values)


@pytest.mark.parametrize("text", ["", "1:", "a", "1:2:x", "1:2:1", "1:2:3:4", "nan", "1:inf", "1,,2"])
def test_what_cannot_be_read_is_told_with_what_can(text):
    """With the option's name and an example."""
    with pytest.raises(SweepError) as caught:
        read_axis(text, "--strength", same)
    assert "--strength" in str(caught.value)


def test_a_value_that_makes_no_sense_is_told_in_its_own_words():
    """A factor below 0 is the strength's error, not the range's."""
    with pytest.raises(StrengthError, match="factor"):
        read_axis("-2:5", "--factor", nats_from_factor)
