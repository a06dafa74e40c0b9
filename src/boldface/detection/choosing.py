"""Which proposals are emphasised: the surest, as long as they are sure enough, and none over what somebody marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from boldface.detection.proposal import Proposal
from boldface.emphasis.span import CharSpan
from boldface.errors import DetectionError

Choice = TypeVar("Choice")

MOST = 3
"""Spans that are emphasised unless more are asked for."""
LEAST = 0.3
"""Confidence below which nothing is."""


def choose(
    found: Iterable[Choice],
    proposal: Callable[[Choice], Proposal],
    marked: Callable[[Choice], Iterable[CharSpan]],
    *,
    most: int = MOST,
    least: float = LEAST,
) -> list[Choice]:
    """Return what is emphasised, the surest first.

    Args:
        found: What was proposed.
        proposal: The proposal in it.
        marked: What somebody marked in its text; proposals that meet any of it are left out.
        most: Most of them.
        least: Least confidence.

    Raises:
        DetectionError: ``most`` is no number of spans, or ``least`` no confidence.
    """
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise DetectionError(f"{most!r} is no number of spans.", "Ask for at least one.")
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
        raise DetectionError(f"{least!r} is no confidence.", "Give a number from 0 to 1.")
    sure = sorted(found, key=lambda one: (-proposal(one).confidence, proposal(one).span.start))
    kept: list[Choice] = []
    for one in sure:
        if len(kept) == most or proposal(one).confidence < least:
            break
        if not any(_meet(proposal(one).span, span) for span in marked(one)):
            kept.append(one)
    return kept


def _meet(one: CharSpan, other: CharSpan) -> bool:
    return one.start < other.end and other.start < one.end
