"""Dialects of weights, from image generation: A1111's ``(words:1.3)`` and compel's ``words++``.

A weight there scales a text embedding, and 1.1 is one step of it. Here one step is one nat:
``nats = log(weight) / log(1.1)``. Nested weights multiply, so their nats add up.
"""

from __future__ import annotations

import math
import re

from boldface.emphasis.span import EmphasisedText
from boldface.emphasis.strength import check_strength
from boldface.emphasis.strip import Mark, Range, add_nats, place, strip
from boldface.errors import MarkupError, StrengthError

STEP = 1.1
"""The weight that is one nat: A1111's round bracket, compel's plus."""

MINUS = 0.9
"""The weight of compel's minus."""

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)"
_A1111 = re.compile(
    rf"(?P<escape>\\[()\[\]:\\])|(?P<open>[(\[])|(?P<close>(?::\s*(?P<weight>{_NUMBER})\s*)?[)\]])",
    re.ASCII,
)
_SIGNS = r"(?:\++|-+)(?![\w+-])"
_COMPEL = re.compile(
    rf"(?P<escape>\\[()+\-\\])|(?P<open>\()|(?P<close>\)(?P<weight>{_SIGNS}|(?:\d+(?:\.\d+)?|\.\d+)(?!\w|\.\d))?)"
    rf"|(?<!\w)(?<!\w['’-])(?P<word>\w+(?:['’-]\w+)*)(?P<signs>{_SIGNS})",
)
_ESCAPE = "For literal brackets write \\( and \\)."


def nats_from_weight(weight: float) -> float:
    """Convert a weight of image generation to nats: 1.1 is one nat, 1 none, 1.1**-1 minus one.

    Raises:
        StrengthError: When the weight is not above 0, or beyond the cap of strengths.
    """
    if not weight > 0:
        raise StrengthError(f"A weight must be above 0, not {weight:g}.", "Below 1 suppresses: write for example 0.7.")
    return check_strength(math.log(weight) / math.log(STEP))


def parse_a1111(text: str) -> EmphasisedText:
    r"""Read A1111: ``(w)``, ``((w))``, ``(w:1.3)``, ``[w]``, escapes ``\(``. Strict: brackets must pair.

    Raises:
        MarkupError: When a bracket does not pair or encloses nothing, or a weight cannot be used.
    """
    marks: list[Mark] = []
    dropped: list[Range] = []
    stack: list[int] = []
    for match in _A1111.finditer(text):
        if match["escape"]:
            dropped.append((match.start(), match.start() + 1))
        elif match["open"]:
            stack.append(match.start())
        else:
            round_ = match[0][-1] == ")"
            if not stack or text[stack[-1]] != ("(" if round_ else "["):
                raise MarkupError(f"{match[0]} at {place(text, match.start())} has no opening bracket.", _ESCAPE)
            if match["weight"] and not round_:
                raise MarkupError(
                    f"{match[0]} at {place(text, match.start())} has a weight in square brackets.", "Write (words:1.3)."
                )
            opening = (stack[-1], stack.pop() + 1)
            if opening[1] == match.start():
                raise MarkupError(f"Nothing stands between the brackets at {place(text, match.start())}.", _ESCAPE)
            step = 1.0 if round_ else -1.0
            nats = _nats(text, match.start(), match["weight"]) if match["weight"] else step
            marks.append(Mark(opening, match.span(), nats))
    if stack:
        raise MarkupError(f"{text[stack[-1]]} at {place(text, stack[-1])} never closes.", _ESCAPE)
    return strip(text, marks, dropped, add_nats)


def parse_compel(text: str) -> EmphasisedText:
    r"""Read compel: ``word++``, ``word--``, ``(words)++``, ``(words)1.3``, escapes ``\(``, ``\+``, ``\-``.

    Brackets without a weight, and signs that do not end a word (``a+b``, ``well-known``, ``--flag``), are text.

    Raises:
        MarkupError: When a weight has no opening bracket, covers nothing or cannot be used.
    """
    marks: list[Mark] = []
    dropped: list[Range] = []
    stack: list[int] = []
    for match in _COMPEL.finditer(text):
        if match["escape"]:
            dropped.append((match.start(), match.start() + 1))
        elif match["open"]:
            stack.append(match.start())
        elif match["word"]:
            start, end = match.span("signs")
            nats = _nats(text, start, match["signs"])
            marks.append(Mark((match.start(), match.start()), (start, end), nats))
        else:
            opening = stack.pop() if stack else None
            if not match["weight"]:
                continue
            if opening is None:
                raise MarkupError(f"{match[0]} at {place(text, match.start())} has no opening bracket.", _ESCAPE)
            if opening + 1 == match.start():
                raise MarkupError(f"Nothing stands between the brackets at {place(text, match.start())}.", _ESCAPE)
            nats = _nats(text, match.start(), match["weight"])
            marks.append(Mark((opening, opening + 1), match.span(), nats))
    return strip(text, marks, dropped, add_nats)


def _nats(text: str, offset: int, weight: str) -> float:
    """Convert ``1.3``, ``++`` or ``--`` at ``offset`` to nats."""
    try:
        if set(weight) == {"+"}:
            return check_strength(len(weight))
        if set(weight) == {"-"}:
            return check_strength(len(weight) * nats_from_weight(MINUS))
        return nats_from_weight(float(weight))
    except StrengthError as error:
        raise MarkupError(f"Weight {weight} at {place(text, offset)}: {error.message}", error.hint) from None
