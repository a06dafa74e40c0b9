"""Dialects of paired tags: SPA's ``<anchor>``, HTML's ``<mark>`` and GUIDE's levels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from boldface.emphasis.span import EmphasisedText
from boldface.emphasis.strip import Mark, Range, Strength, place, strip
from boldface.errors import MarkupError


class Tag(NamedTuple):
    """An opening and a closing tag, as patterns, and the strength of what they enclose."""

    opening: str
    closing: str
    strength: Strength = None


SPA = (Tag("<anchor>", "</anchor>"),)
MARK = (Tag(r"(?i:<mark(?:\s[^<>]*)?>)", r"(?i:</mark\s*>)"),)
GUIDE = (Tag("<!->", "<-!>", 0.5), Tag("<!!->", "<-!!>", 1.0), Tag("<!!!->", "<-!!!>", 2.0))
"""GUIDE adds mid / 2, mid and 2 mid to the score, before the softmax, with mid = 1: nats already."""

_GUIDE_MEASURES = Tag(r"<\?->", r"<-\?>")


def parse_tags(text: str, tags: Sequence[Tag]) -> EmphasisedText:
    """Read paired tags; of nested ones the innermost decides. A backslash before a tag makes it text.

    Raises:
        MarkupError: When a tag does not close, closes another one, or encloses nothing.
    """
    names = [f"(?P<o{i}>{tag.opening})|(?P<c{i}>{tag.closing})" for i, tag in enumerate(tags)]
    marks: list[Mark] = []
    dropped: list[Range] = []
    stack: list[tuple[int, Range]] = []
    for match in re.finditer(rf"(?P<slashes>\\*)(?:{'|'.join(names)})", text):
        slashes = len(match["slashes"])
        if slashes:
            dropped.append((match.start(), match.start() + (slashes + 1) // 2))
        if slashes % 2:
            continue
        here = (match.start() + slashes, match.end())
        found = text[here[0] : here[1]]
        kind, index = (match.lastgroup or "")[0], int((match.lastgroup or "")[1:])
        if kind == "o":
            stack.append((index, here))
            continue
        if not stack or stack[-1][0] != index:
            what = f"the {text[slice(*stack[-1][1])]} before it" if stack else "anything"
            raise MarkupError(f"{found} at {place(text, here[0])} does not close {what}.", _hint(found))
        opening = stack.pop()[1]
        if opening[1] == here[0]:
            raise MarkupError(f"Nothing stands before {found} at {place(text, here[0])}.", _hint(found))
        marks.append(Mark(opening, here, tags[index].strength))
    if stack:
        start, end = stack[-1][1]
        raise MarkupError(f"{text[start:end]} at {place(text, start)} never closes.", _hint(text[start:end]))
    return strip(text, marks, dropped)


def parse_spa(text: str) -> EmphasisedText:
    """Read SPA: ``<anchor>words</anchor>``, default strength."""
    return parse_tags(text, SPA)


def parse_mark(text: str) -> EmphasisedText:
    """Read HTML's ``<mark>words</mark>``, default strength; attributes are ignored."""
    return parse_tags(text, MARK)


def parse_guide(text: str) -> EmphasisedText:
    """Read GUIDE: ``<!-> … <-!>``, ``<!!-> … <-!!>`` and ``<!!!-> … <-!!!>`` for 0.5, 1 and 2 nats.

    Raises:
        MarkupError: Also for ``<?-> … <-?>``, which asks GUIDE to measure and not to emphasise.
    """
    measures = re.search(rf"(?<!\\)(?:{_GUIDE_MEASURES.opening}|{_GUIDE_MEASURES.closing})", text)
    if measures:
        raise MarkupError(
            f"{measures[0]} at {place(text, measures.start())} asks for a measurement, not for emphasis.",
            "Leave it out: only <!->, <!!-> and <!!!-> emphasise.",
        )
    return parse_tags(text, GUIDE)


def _hint(tag: str) -> str:
    return f"Pair the tags, with text between them; for a literal tag write \\{tag}."
