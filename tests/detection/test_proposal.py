"""Proposals hold a confidence that makes sense."""

from __future__ import annotations

import math

import pytest

from boldface.detection.proposal import Proposal
from boldface.emphasis.span import CharSpan
from boldface.errors import SpanError


@pytest.mark.parametrize("confidence", [-0.1, 1.1, math.nan, math.inf])
def test_a_confidence_is_a_number_from_0_to_1(confidence):
    """Anything else is refused."""
    with pytest.raises(SpanError, match="confidence"):
        Proposal(CharSpan(0, 1), confidence, "is there", "somebody")
