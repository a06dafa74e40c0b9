"""Openings: what a paragraph begins with is often what it is about."""

from __future__ import annotations

from collections.abc import Sequence

from boldface.detection.cutting import Piece, Sentence
from boldface.detection.searched import Searched


class Opening:
    """Tells the sentences that open their paragraph, behind its heading."""

    name = "opening"
    reason = "opens its paragraph"
    asks = False

    def score(self, searched: Searched, pieces: Sequence[Piece]) -> list[float]:
        """Return 1 for them, -1 for headings, 0 for all else."""
        return [self._place(searched, piece) if isinstance(piece, Sentence) else 0.0 for piece in pieces]

    def _place(self, searched: Searched, piece: Sentence) -> float:
        if searched.is_heading(piece):
            return -1.0
        before = searched.text[searched.paragraphs[piece.paragraph].start : piece.start]
        return float(not before.strip() or before.endswith("\n"))
