"""Confidence: how strongly to emphasise words of which it is not certain that they are the right ones.

A wrong span costs what a right one wins: the attention that it takes. So words get their strength by how sure somebody
is of them (:func:`weighted`), and no emphasis takes all there is, however much of the prompt it covers
(:func:`capped`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from boldface.emphasis.span import CharSpan
from boldface.errors import StrengthError

DOUBT = 0.3
"""Confidence up to which words are not emphasised at all."""
TRUST = 0.6
"""Confidence from which words get their whole strength."""
FULL = 0.98
"""Most that an even attention gives to all emphasis together."""


def share_of(confidence: float) -> float:
    """Return the share of its strength that a span gets: none up to DOUBT, all from TRUST on, linear between.

    Raises:
        StrengthError: The confidence is no number from 0 to 1.
    """
    if not 0.0 <= confidence <= 1.0:
        raise StrengthError(f"A confidence of {confidence!r} makes no sense.", "Give a number from 0 to 1.")
    return min(1.0, max(0.0, (confidence - DOUBT) / (TRUST - DOUBT)))


def weighted(spans: Iterable[tuple[CharSpan, float]], default: float) -> tuple[CharSpan, ...]:
    """Return spans at the strength that their confidence deserves; those that deserve none are left out.

    Args:
        spans: Spans, each with the confidence of whoever proposes it, from 0 to 1.
        default: Nats of spans without a strength of their own.

    Raises:
        StrengthError: A confidence is no number from 0 to 1.
    """
    told = ((span, share_of(confidence)) for span, confidence in spans)
    return tuple(
        replace(span, strength=share * (default if span.strength is None else span.strength))
        for span, share in told
        if share > 0
    )


def capped(strength: float, covered: float) -> float:
    """Return the strength that leaves words outside the emphasis what they need, where attention is even.

    Lifted by s nats, words that cover a share r of the prompt get r e**s / (1 - r + r e**s) of an even attention. That
    is kept at FULL or below, and no strength becomes negative.

    Args:
        strength: Nats that are wished for.
        covered: Share of the prompt that is emphasised, above 0.
    """
    if covered >= FULL:
        return min(strength, 0.0)
    return min(strength, math.log(FULL / (1 - FULL)) - math.log(covered / (1 - covered)))
