"""Instructions: orders are told from stories, by a confidence with a reason."""

from __future__ import annotations

import time

import pytest

from boldface.detection.catalogue import find_proposer
from boldface.detection.detect import detect
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


@pytest.mark.parametrize("text", ["x," + " " * 40_000 + "zz", "Question: a" + " " * 40_000 + "b?", "do\n" * 8000])
def test_no_text_takes_long(text):
    """What a server reads beside everybody else's requests: these took from seconds to many minutes."""
    begun = time.process_time()
    detect(text, "auto")
    assert time.process_time() - begun < 20
