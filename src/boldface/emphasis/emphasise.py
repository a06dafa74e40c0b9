"""Emphasise words of a text without any markup: the shortest way for programs."""

from __future__ import annotations

from typing import Literal

from boldface.emphasis.locate import locate
from boldface.emphasis.span import EmphasisedText
from boldface.emphasis.strength import resolve_strength


def emphasise(
    text: str | EmphasisedText,
    *words: str,
    occurrence: Literal["first", "last", "all"] | int = "first",
    alpha: float | None = None,
    factor: float | None = None,
    strength: float | None = None,
) -> EmphasisedText:
    """Return ``text`` with ``words`` emphasised, added to what is emphasised already; no words means all of it.

    Args:
        text: Text as it is; markup in it is not read.
        words: Substrings to emphasise.
        occurrence: Which occurrence of each; see :func:`boldface.locate`.
        alpha: Strength as PASTA's alpha; only one of alpha, factor and strength, or none for the default.
        factor: Strength as a factor.
        strength: Strength in nats.

    Raises:
        SpanError: When a word is absent.
        StrengthError: When the strength is out of range.
    """
    known = text if isinstance(text, EmphasisedText) else EmphasisedText(text)
    nats = resolve_strength(alpha=alpha, factor=factor, strength=strength)
    spans = [span for word in words or (known.text,) for span in locate(known.text, word, occurrence, nats)]
    return EmphasisedText(known.text, (*known.spans, *spans))
