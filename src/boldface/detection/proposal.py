"""A proposal: words that nobody marked and somebody might have, with how sure of it whoever proposes them is."""

from __future__ import annotations

from dataclasses import dataclass

from boldface.emphasis.span import CharSpan
from boldface.errors import SpanError


@dataclass(frozen=True, slots=True)
class Proposal:
    """A span that a proposer would emphasise.

    Attributes:
        span: The characters; of no strength of its own unless the proposer has a reason to name one.
        confidence: How sure the proposer is, from 0 (not at all) to 1.
        reason: Why, for people: one short phrase without a full stop.
        proposer: Name of who proposes it.
    """

    span: CharSpan
    confidence: float
    reason: str
    proposer: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.confidence <= 1.0:
            raise SpanError(f"A confidence of {self.confidence!r} makes no sense.", "Give a number from 0 to 1.")
