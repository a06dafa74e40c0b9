"""The two interfaces of detection: who proposes spans, and who scores the pieces of a text for such a one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from boldface.detection.cutting import Piece
from boldface.detection.proposal import Proposal
from boldface.detection.searched import Searched


class Proposer(Protocol):
    """Proposes spans of a text."""

    @property
    def name(self) -> str:
        """As people type it."""

    def propose(self, searched: Searched) -> list[Proposal]:
        """Return proposals, the surest first; none overlap.

        Raises:
            MissingError: What it needs is not installed.
        """


class Scorer(Protocol):
    """Tells how much pieces of a text have to do with what is asked of it."""

    @property
    def name(self) -> str:
        """As people type it."""

    @property
    def reason(self) -> str:
        """Why a piece that it puts first is proposed."""

    @property
    def asks(self) -> bool:
        """Whether its scores depend on the question, so that it says nothing where there is none."""

    def score(self, searched: Searched, pieces: Sequence[Piece]) -> list[float]:
        """Return one finite number a piece, in any unit; larger matters more.

        Raises:
            MissingError: What it needs is not installed.
        """
