"""Sentences below their heading: *He was born in 1820* says little without who it is said of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from boldface.detection.cutting import Paragraph, Piece, Sentence
from boldface.detection.proposer import Scorer
from boldface.detection.searched import Searched


class Titled:
    """Ranks sentences by a scorer that reads the first sentence of their paragraph, or its heading, before each.

    Args:
        scorer: Asked.
    """

    asks = True

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.name, self.reason = f"{scorer.name}-titled", f"{scorer.reason}, with its heading"

    def score(self, searched: Searched, pieces: Sequence[Piece]) -> list[float]:
        """Return the scores of the scorer for pieces with their headings; paragraphs have theirs already."""
        text, places = "", []
        for piece in pieces:
            words = searched.words(piece)
            if isinstance(piece, Sentence):
                title = searched.title(piece.paragraph)
                words = words if words == title else f"{title} {words}"
            places.append(Paragraph(len(text), len(text) + len(words)))
            text += f"{words}\n"
        return self.scorer.score(replace(searched, text=text), places)
