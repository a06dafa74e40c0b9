"""Either: the evidence where a prompt asks a question of a text, else its instructions."""

from __future__ import annotations

from boldface.detection.proposal import Proposal
from boldface.detection.proposer import Proposer
from boldface.detection.searched import Searched

_TEXT = 3
"""Sentences that are no instructions, from which on a question is taken to be asked of them."""
_ORDER = 0.5
"""Confidence from which on a sentence is an instruction."""


class Either:
    """Tells from a prompt which of two proposers to ask.

    Args:
        evidence: Asked where there is a question and a text of some sentences.
        instructions: Asked otherwise.
    """

    name = "auto"

    def __init__(self, evidence: Proposer, instructions: Proposer) -> None:
        self.evidence, self.instructions = evidence, instructions

    def propose(self, searched: Searched) -> list[Proposal]:
        """Return the proposals of one of them, the surest first."""
        orders = self.instructions.propose(searched)
        sure = {(one.span.start, one.span.end) for one in orders if one.confidence >= _ORDER}  # whole sentences
        text = [one for one in searched.sentences if (one.start, one.end) not in sure]
        return self.evidence.propose(searched) if searched.question and len(text) >= _TEXT else orders
