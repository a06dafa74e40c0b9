"""Instructions: orders are told from stories, by a confidence with a reason."""

from __future__ import annotations

import pytest

from boldface.detection.catalogue import find_proposer
from boldface.detection.searched import search

ORDERS = (
    "Answer the question in French.",
    "Please list three reasons, and do not use any commas.",
    "Your response must contain at least 200 words.",
    "Make sure that the letter q appears twice.",
)
STORIES = (
    "The mill was built by Jonas Hale in 1832.",
    "She studied law in Vienna and became a judge.",
    "Several species of bees live in the forest.",
)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("last", [True, False])
def test_an_order_is_surer_than_a_story(order, last):
    """Wherever it stands, the order is put first."""
    text = " ".join([*STORIES, order] if last else [order, *STORIES])
    proposals = find_proposer("instructions").propose(search(text))
    first = proposals[0]
    assert text[first.span.start : first.span.end] == order
    assert first.confidence > 0.5 > proposals[1].confidence
    assert first.reason and not first.reason.endswith(".")
    assert len(proposals) == 4
