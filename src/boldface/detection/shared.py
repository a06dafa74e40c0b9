"""A second step: what is asked may stand where only the sentence that fits the question best leads."""

from __future__ import annotations

import re
from collections.abc import Sequence

from boldface.detection.cutting import Piece, Sentence
from boldface.detection.leading import leading
from boldface.detection.proposer import Scorer
from boldface.detection.searched import Searched

_WORD = re.compile(r"\w[\w'’\-]*")
_COMMON = frozenset(
    (
        *("the", "this", "that", "these", "those", "his", "her", "its", "their", "she", "they", "and", "but", "for"),
        *("with", "from", "after", "before", "during", "since", "while", "when", "where", "which", "who", "what"),
        *("document", "also", "there", "then", "one", "two", "both", "many", "some", "other", "each", "all", "not"),
        *("born", "has", "had", "was"),
    )
)
"""Words that have a capital at the beginning of a sentence, and name nobody."""


class Shared:
    """Ranks pieces by the names that they share with the sentence that fits the question best, beyond the question's.

    Questions that need two paragraphs (Yang et al. 2018) name what one of them is about; the other is about somebody
    whom only the first one names.

    Args:
        scorers: Say together which sentence fits best.
    """

    name = "shared"
    reason = "speaks of what fits the question best"
    asks = True

    def __init__(self, scorers: Sequence[Scorer]) -> None:
        self.scorers = scorers

    def score(self, searched: Searched, pieces: Sequence[Piece]) -> list[float]:
        """Return how many names they share, those of their heading too; 0 in the sentence's own paragraph."""
        first = leading(self.scorers, searched)
        new = _names(searched.words(first)) - {word.lower() for word in _WORD.findall(searched.question)}
        scores = []
        for piece in pieces:
            paragraph = piece.paragraph if isinstance(piece, Sentence) else searched.paragraphs.index(piece)
            said = _names(f"{searched.title(paragraph)} {searched.words(piece)}")
            scores.append(0.0 if paragraph == first.paragraph else float(len(new & said)))
        return scores


def _names(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text) if word[0].isupper() and len(word) > 2} - _COMMON
