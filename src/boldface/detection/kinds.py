"""Kinds of answers: who asks *when* wants a date, who asks *who* a name. By English words alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from boldface.detection.cutting import Piece
from boldface.detection.searched import Searched

_WORD = re.compile(r"[^\W\d_][\w'’\-]*")
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|dozens?|hundreds?"
    r"|thousands?|millions?|billions?|half|quarter|third|once|twice|percent|several)\b",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b1\d{3}s?\b|\b20\d\ds?\b|\b(?:January|February|March|April|May|June|July|August|September|October|November"
    r"|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b"
    r"|\b(?:century|centuries|decades?)\b|\b\d+ ?(?:BC|AD)\b",
)


def _named(words: str, question: str) -> bool:
    """Whether a text has a name that the question has not: a word with a capital, not at the beginning of the text."""
    asked = {word.lower() for word in _WORD.findall(question)}
    return any(word[0].isupper() and word.lower() not in asked for word in _WORD.findall(words)[1:])


_KINDS: tuple[tuple[re.Pattern[str], Callable[[str, str], bool]], ...] = (
    (
        re.compile(
            r"\bwhen\b|\b(?:what|which) (?:\w+ )?(?:year|date|day|month|century|decade|time|era|period)s?\b", re.I
        ),
        lambda words, _: bool(_DATE.search(words)),
    ),
    (
        re.compile(
            r"\bhow (?:many|much|old|long|far|tall|large|big|high|fast|deep|wide|often|heavy)\b"
            r"|\b(?:what|which) (?:\w+ )?(?:percent(?:age)?|number|age|amount|population|proportion|share|fraction)\b",
            re.I,
        ),
        lambda words, _: bool(_NUMBER.search(words)),
    ),
    (
        re.compile(
            r"\b(?:who|whom|whose|where)\b|\bname of\b|\b(?:what|which|in) (?:\w+ )?(?:city|country|state|place|county"
            r"|region|town|continent|river|person|actor|actress|singer|band|company|university|school|team|club|king|queen"
            r"|president|author|director|film|movie|book|album|song)\b",
            re.I,
        ),
        _named,
    ),
)


class Kinds:
    """Tells pieces that hold the kind of thing that is asked for: a date, a number or a name."""

    name = "kind"
    reason = "holds the kind of thing that is asked for"
    asks = True

    def score(self, searched: Searched, pieces: Sequence[Piece]) -> list[float]:
        """Return 1 for pieces that hold it and 0 for others; all 0 where the question does not say the kind."""
        for asks, holds in _KINDS:
            if asks.search(searched.question):
                return [float(holds(searched.words(piece), searched.question)) for piece in pieces]
        return [0.0] * len(pieces)
