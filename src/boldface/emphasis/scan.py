"""Scanning: where the marks of the markup stand in a text; code holds none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from boldface.emphasis.blocks import blocks

ESCAPABLE = r"\*[]`~"
"""Characters a backslash takes the meaning from; before any other character a backslash is text."""

_MARK = re.compile(rf"\\[{re.escape(ESCAPABLE)}]|`+|\*+|\[|\]")
_TICKS = re.compile("`+")


class Kind(Enum):
    """What a mark is."""

    ESCAPE = "a backslash and the character it escapes"
    STARS = "asterisks"
    OPEN = "["
    CLOSE = "]"


class Token(NamedTuple):
    """One mark, ``text[start:end]``, in the block of that number."""

    kind: Kind
    start: int
    end: int
    block: int


def scan(text: str) -> Iterator[Token]:
    """Yield the marks of ``text`` in order, without those in fenced code and in code spans."""
    kinds = {"\\": Kind.ESCAPE, "*": Kind.STARS, "[": Kind.OPEN, "]": Kind.CLOSE}
    for number, (start, stop) in enumerate(blocks(text)):
        last_of_length = {len(ticks[0]): ticks.start() for ticks in _TICKS.finditer(text, start, stop)}
        position = start
        while match := _MARK.search(text, position, stop):
            position = match.end()
            if match[0][0] != "`":
                yield Token(kinds[match[0][0]], match.start(), match.end(), number)
            elif last_of_length.get(len(match[0]), -1) >= position:
                closings = _TICKS.finditer(text, position, stop)
                position = next(ticks.end() for ticks in closings if len(ticks[0]) == len(match[0]))
