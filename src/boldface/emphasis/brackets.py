"""Brackets with a strength: ``[…]{x=10}``, ``[…]{strength=2.3}``, ``[…]{alpha=0.01}``, ``[…]{bold}``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable

from boldface.emphasis.scan import Kind, Token
from boldface.emphasis.strength import check_strength, nats_from_alpha, nats_from_factor
from boldface.emphasis.strip import Mark, Strength, place
from boldface.errors import MarkupError, StrengthError

_TO_NATS: dict[str, Callable[[float], float]] = {
    "x": nats_from_factor,
    "factor": nats_from_factor,
    "strength": check_strength,
    "alpha": nats_from_alpha,
}
_BOLD = re.compile(r"\{[ \t]*bold[ \t]*\}")
_KEY = re.compile(rf"\{{[ \t]*({'|'.join(_TO_NATS)})[ \t]*=")
_REST = re.compile(r"([^{}\r\n]*)\}")
_FOREIGN = re.compile(r"\{[ \t]*(\w+)[ \t]*=[ \t]*[-+]?[\d.]+[ \t]*\}")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_HINT = "Write for example [these words]{x=10}; for literal brackets write \\[ and \\]."


def bracket_marks(text: str, tokens: Iterable[Token]) -> list[Mark]:
    """Return the brackets of ``text`` that carry a strength; all other brackets are text.

    Raises:
        MarkupError: When a strength has no opening bracket, covers nothing or cannot be read.
    """
    openings: list[Token] = []
    marks: list[Mark] = []
    for token in tokens:
        if token.kind is Kind.OPEN:
            openings.append(token)
        elif token.kind is Kind.CLOSE:
            opening = openings.pop() if openings else None
            read = _strength(text, token.end)
            if read is None:
                continue
            end, strength = read
            if opening is None:
                mark = f"{text[token.start : end]} at {place(text, token.start)}"
                raise MarkupError(f"{mark} closes a bracket that was never opened.", _HINT)
            if opening.end == token.start:
                raise MarkupError(f"Nothing stands between the brackets at {place(text, token.start)}.", _HINT)
            marks.append(Mark((opening.start, opening.end), (token.start, end), strength))
    return marks


def attribute(strength: Strength) -> str:
    """Return the attribute that reads back as exactly ``strength``; a factor where one of few digits does."""
    if strength is None:
        return "{bold}"
    factor = f"{math.exp(strength):.6g}"
    return f"{{x={factor}}}" if math.log(float(factor)) == strength else f"{{strength={strength!r}}}"


def _strength(text: str, start: int) -> tuple[int, Strength] | None:
    """Read the attribute at ``start``: (its end, its strength), or None when what stands there is text."""
    if bold := _BOLD.match(text, start):
        return bold.end(), None
    key = _KEY.match(text, start)
    if key is None:
        if foreign := _FOREIGN.match(text, start):
            mark = f"{foreign[0]} at {place(text, start)}"
            raise MarkupError(f"{mark} names no strength: there is x, factor, strength, alpha and bold.", _HINT)
        return None
    rest = _REST.match(text, key.end())
    if rest is None:
        raise MarkupError(f"{key[0]} at {place(text, start)} never closes.", _HINT)
    number = rest[1].strip()
    if not _NUMBER.fullmatch(number):
        raise MarkupError(f"{number!r} at {place(text, start)} is not a number.", _HINT)
    try:
        return rest.end(), _TO_NATS[key[1]](float(number))
    except StrengthError as error:
        raise MarkupError(f"{key[0]}{rest[0]} at {place(text, start)}: {error.message}", error.hint) from None
