"""Markup that people type: Markdown's ``**bold**``, ``[words]{x=10}`` and escapes.

The rules, and what stays text, are told in ``docs/markup.md``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable

from boldface.emphasis.brackets import attribute, bracket_marks
from boldface.emphasis.flanking import Run, pair_bold
from boldface.emphasis.operators import is_operator_pair, refuse_dangling
from boldface.emphasis.scan import ESCAPABLE, Kind, Token, scan
from boldface.emphasis.span import EmphasisedText
from boldface.emphasis.strip import Mark, Range, strip
from boldface.errors import MarkupError, SpanError

_SPECIAL = re.compile(f"[{re.escape(ESCAPABLE)}]")


def parse(text: str) -> EmphasisedText:
    """Read markup: return the text without it and the spans it marked, disjoint and in order.

    ``**words**`` gets the default strength (None), ``[words]{x=10}`` a factor of its own; the innermost mark decides.

    Raises:
        MarkupError: When ``**`` opens and never closes (or the reverse), or a strength cannot be read.
    """
    tokens = list(scan(text))
    marks = bracket_marks(text, tokens)
    for runs in _runs_by_level(text, tokens, marks):
        marks += [
            Mark((opening, opening + 2), (closing, closing + 2), None)
            for opening, closing in pair_bold(runs)
            if not is_operator_pair(text, opening, closing)
        ]
        for run in runs:
            refuse_dangling(text, run)
    return strip(text, marks, [(token.start, token.start + 1) for token in tokens if token.kind is Kind.ESCAPE])


def escape(text: str) -> str:
    """Return markup that reads as ``text``, whole and without emphasis, wherever prose may stand."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def render(emphasised: EmphasisedText) -> str:
    """Return markup that :func:`parse` reads back as ``emphasised``, with escapes only where they are needed.

    Raises:
        SpanError: When spans overlap.
    """
    for left, right in zip(emphasised.spans, emphasised.spans[1:], strict=False):
        if right.start < left.end:
            raise SpanError(
                f"Spans [{left.start}, {left.end}) and [{right.start}, {right.end}) overlap.",
                "Make them disjoint with flatten() first.",
            )
    for write in (str, escape):
        source = _write(emphasised, write, stars=True)
        try:
            if parse(source) == emphasised:
                return source
        except MarkupError:
            continue
    return _write(emphasised, escape, stars=False)


def _write(emphasised: EmphasisedText, write: Callable[[str], str], *, stars: bool) -> str:
    text = emphasised.text
    pieces: list[str] = []
    position = 0
    for span in emphasised.spans:
        pieces.append(write(text[position : span.start]))
        inner = write(text[span.start : span.end])
        apart = span.start > position or position == 0
        if (
            stars
            and apart
            and span.strength is None
            and _hugs(text[span.start - 1 : span.start], inner, text[span.end : span.end + 1])
        ):
            pieces.append(f"**{inner}**")
        else:
            pieces.append(f"[{inner}]{attribute(span.strength)}")
        position = span.end
    return "".join(pieces) + write(text[position:])


def _hugs(before: str, inner: str, after: str) -> bool:
    """Tell whether ``**`` around ``inner`` may open and close between these neighbours."""
    opening = Run.read(f"{before}**{inner[0]}", len(before), len(before) + 2)
    closing = Run.read(f"{inner[-1]}**{after}", 1, 3)
    return opening.opens and closing.closes


def _runs_by_level(text: str, tokens: list[Token], marks: list[Mark]) -> list[list[Run]]:
    """Group the runs of asterisks that may pair: those of one block and directly inside the same bracket."""
    opened: set[Range] = {mark.opening for mark in marks}
    closed: set[int] = {mark.closing[0] for mark in marks}
    levels: defaultdict[tuple[int, int], list[Run]] = defaultdict(list)
    inside = [-1]
    for token in tokens:
        if token.kind is Kind.STARS:
            levels[inside[-1], token.block].append(Run.read(text, token.start, token.end))
        elif (token.start, token.end) in opened:
            inside.append(token.start)
        elif token.start in closed:
            inside.pop()
    return list(levels.values())
