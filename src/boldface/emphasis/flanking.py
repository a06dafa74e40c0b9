"""Which asterisks pair up to bold: CommonMark's delimiter runs, for ``*`` alone.

Source: CommonMark 0.31.2, section 6.2 and appendix "process emphasis".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Run:
    """A run of asterisks; pairing takes them away from the side that faces the bold text.

    Attributes:
        start: First asterisk that is left.
        end: One past the last asterisk that is left.
        opens: The run is left-flanking.
        closes: The run is right-flanking.
        length: Asterisks before any were paired.
    """

    start: int
    end: int
    opens: bool
    closes: bool
    length: int

    @classmethod
    def read(cls, text: str, start: int, end: int) -> Run:
        """Read the run ``text[start:end]``; the edges of the text count as whitespace."""
        space_before, mark_before = _kind(text[start - 1 : start])
        space_after, mark_after = _kind(text[end : end + 1])
        opens = not space_after and (not mark_after or space_before or mark_before)
        closes = not space_before and (not mark_before or space_after or mark_after)
        return cls(start, end, opens, closes, end - start)

    def pairs_with(self, closer: Run) -> bool:
        """Tell whether this opener may pair with ``closer``: the rule of three."""
        if not (self.closes or closer.opens):
            return True
        return (self.length + closer.length) % 3 != 0 or (self.length % 3 == 0 and closer.length % 3 == 0)


def pair_bold(runs: Iterable[Run]) -> list[tuple[int, int]]:
    """Pair the runs of one paragraph, in order; return ``(opening, closing)`` offsets of each pair of ``**``.

    Asterisks that pair to plain emphasis (``*x*``) are used up too; what is left stands in ``start`` and ``end``
    of the runs.
    """
    pairs: list[tuple[int, int]] = []
    openers: list[Run] = []
    searched: dict[tuple[bool, int], int] = {}
    for run in runs:
        kind = (run.opens, run.length % 3)
        while run.closes and run.start < run.end:
            floor = searched.get(kind, 0)
            found = next((i for i in range(len(openers) - 1, floor - 1, -1) if openers[i].pairs_with(run)), None)
            if found is None:
                searched[kind] = len(openers)
                break
            opener = openers[found]
            taken = 2 if min(opener.end - opener.start, run.end - run.start) >= 2 else 1
            opener.end -= taken
            if taken == 2:
                pairs.append((opener.end, run.start))
            run.start += taken
            del openers[found + (opener.start < opener.end) :]
            searched = {key: min(floor, len(openers)) for key, floor in searched.items()}
        if run.opens and run.start < run.end:
            openers.append(run)
    return pairs


def _kind(char: str) -> tuple[bool, bool]:
    """Return (is whitespace, is punctuation) of one character, or of "" at an edge of the text."""
    if not char or char in "\t\n\f\r":
        return True, False
    category = unicodedata.category(char)
    return category == "Zs", category[0] in "PS"
