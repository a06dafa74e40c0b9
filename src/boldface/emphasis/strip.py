"""Stripping: take marks out of a text and keep what they covered. Shared by every spelling of emphasis."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from boldface.emphasis.span import CharSpan, EmphasisedText

Range = tuple[int, int]
Strength = float | None


class Mark(NamedTuple):
    """A pair of marks: the character ranges of both (they vanish), and the strength of what lies between."""

    opening: Range
    closing: Range
    strength: Strength


def inner_wins(outer: Strength, inner: Strength) -> Strength:
    """Nesting: the innermost mark alone decides."""
    return inner


def add_nats(outer: Strength, inner: Strength) -> Strength:
    """Nesting: factors multiply, so nats add up."""
    return (outer or 0.0) + (inner or 0.0)


def strip(
    text: str,
    marks: Iterable[Mark],
    dropped: Iterable[Range] = (),
    nest: Callable[[Strength, Strength], Strength] = inner_wins,
) -> EmphasisedText:
    """Return ``text`` without its marks and the ``dropped`` ranges, with disjoint spans.

    Args:
        text: Text with marks.
        marks: Pairs that nest and never cross.
        dropped: Other ranges that vanish, such as the backslash of an escape.
        nest: Strength of a mark inside another, from both strengths.
    """
    edits: list[tuple[Range, Mark | None, bool]] = [(gone, None, False) for gone in dropped]
    for pair in marks:
        edits += [(pair.opening, pair, True), (pair.closing, pair, False)]
    edits.sort(key=lambda edit: edit[0])
    edits.append(((len(text), len(text)), None, False))

    pieces: list[str] = []
    spans: list[tuple[int, int, int]] = []
    owners: list[Strength] = []
    stack: list[int] = []
    length = position = 0
    for (start, end), mark, opens in edits:
        if start > position:
            pieces.append(text[position:start])
            before, length = length, length + start - position
            if stack:
                if spans and spans[-1][1:] == (before, stack[-1]):
                    before = spans.pop()[0]
                spans.append((before, length, stack[-1]))
        position = end
        if mark is not None and opens:
            strength = nest(owners[stack[-1]], mark.strength) if stack else mark.strength
            if not stack or owners[stack[-1]] != strength:
                owners.append(strength)
                stack.append(len(owners) - 1)
            else:
                stack.append(stack[-1])
        elif mark is not None:
            stack.pop()
    return EmphasisedText("".join(pieces), tuple(CharSpan(start, end, owners[owner]) for start, end, owner in spans))


def place(text: str, offset: int) -> str:
    """Say where ``offset`` is: ``line 2, column 7``, both counted from 1."""
    return f"line {text.count(chr(10), 0, offset) + 1}, column {offset - text.rfind(chr(10), 0, offset)}"
