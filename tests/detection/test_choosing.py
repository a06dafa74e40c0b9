"""Choosing: the surest, enough of them, and nothing over what somebody marked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.detection.choosing import choose
from boldface.detection.proposal import Proposal
from boldface.emphasis.span import CharSpan
from boldface.errors import DetectionError

PROPOSALS = st.lists(
    st.builds(
        lambda start, sure: Proposal(CharSpan(10 * start, 10 * start + 10), sure, "is there", "somebody"),
        st.integers(0, 20),
        st.floats(0, 1),
    ),
    unique_by=lambda one: one.span.start,
)
MARKED = st.lists(st.builds(lambda start: CharSpan(start, start + 3), st.integers(0, 200)), max_size=4)


def chosen(proposals, marked, **how):
    return choose(proposals, lambda one: one, lambda one: marked, **how)


@given(PROPOSALS, MARKED, st.integers(1, 5), st.floats(0, 1))
def test_no_better_one_is_left_out(proposals, marked, most, least):
    """What is left out is less sure than what is chosen, not sure enough, or meets what is marked."""
    kept = chosen(proposals, marked, most=most, least=least)
    free = [one for one in proposals if not any(m.start < one.span.end and one.span.start < m.end for m in marked)]
    sure = sorted((one.confidence for one in free if one.confidence >= least), reverse=True)
    assert [one.confidence for one in kept] == sure[:most]
    assert set(kept) <= set(free)


@pytest.mark.parametrize("how", [{"most": 0}, {"most": True}, {"most": 1.5}, {"least": -1}, {"least": 2}])
def test_nonsense_is_refused(how):
    """A number of spans is whole and at least 1, a confidence from 0 to 1."""
    with pytest.raises(DetectionError):
        chosen([], [], **how)
