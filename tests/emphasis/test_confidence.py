"""Strength by confidence, and the cap that leaves something to the rest of the prompt."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.confidence import DOUBT, FULL, TRUST, capped, share_of, weighted
from boldface.emphasis.span import CharSpan
from boldface.errors import StrengthError

SURE = st.floats(0, 1)
NATS = st.floats(0.01, 20)


@given(SURE, SURE)
def test_who_is_surer_emphasises_more(one, other):
    """The share grows with the confidence, from nothing to everything."""
    low, high = sorted((one, other))
    assert 0 <= share_of(low) <= share_of(high) <= 1
    assert (share_of(DOUBT), share_of(TRUST)) == (0, 1)


@given(SURE, NATS)
def test_weighted_spans(confidence, nats):
    """A span gets its share of its own strength, else of the default; without a share it is left out."""
    spans = weighted([(CharSpan(0, 4), confidence), (CharSpan(5, 9, -1.0), confidence)], nats)
    share = share_of(confidence)
    assert [(span.start, span.end) for span in spans] == ([(0, 4), (5, 9)] if share else [])
    assert [span.strength for span in spans] == ([share * nats, -share] if share else [])


@pytest.mark.parametrize("confidence", [-0.1, 1.1, math.nan, math.inf])
def test_what_is_no_confidence_is_refused(confidence):
    """A confidence is a number from 0 to 1."""
    with pytest.raises(StrengthError):
        weighted([(CharSpan(0, 4), confidence)], 1.0)


@given(NATS, st.floats(1e-6, 1))
def test_no_emphasis_takes_everything(nats, covered):
    """Of an even attention it gets no more than FULL, unless it covers more than that by itself."""
    strength = capped(nats, covered)
    taken = covered * math.exp(strength) / (1 - covered + covered * math.exp(strength))
    assert taken <= max(FULL, covered) + 1e-9
    assert strength <= nats


@given(NATS, st.floats(1e-6, 1), st.floats(1e-6, 1))
def test_the_more_is_covered_the_less_is_lifted(nats, one, other):
    """Longer emphasis is never lifted further than shorter one, and never pushed down."""
    short, long = sorted((one, other))
    assert 0 <= capped(nats, long) <= capped(nats, short)
