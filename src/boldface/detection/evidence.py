"""Evidence: the sentences that answer the question, by one scorer or several, with a confidence that was fitted.

Every scorer ranks sentences, and the paragraphs they stand in, in a unit of its own. A logistic regression, fitted on
training rows of data sets that mark their evidence, turns these into one confidence (:mod:`boldface.detection.fitted`).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from boldface.detection.fitted import Fit
from boldface.detection.proposal import Proposal
from boldface.detection.proposer import Scorer
from boldface.detection.searched import Searched
from boldface.emphasis.span import CharSpan

PER_SCORER = ("sentence", "lead", "paragraph")
"""What a scorer says of a sentence: its score and that of its paragraph, in standard deviations from the mean of the
text; and by how much it leads the best other sentence."""


class Evidence:
    """Proposes the sentences that answer the question.

    Args:
        name: As people type it.
        scorers: Who ranks the sentences.
        fit: How their scores become one confidence.
    """

    def __init__(self, name: str, scorers: Sequence[Scorer], fit: Fit) -> None:
        self.name, self.scorers, self.fit = name, tuple(scorers), fit

    def propose(self, searched: Searched) -> list[Proposal]:
        """Return every sentence with its confidence, the surest first; nothing where a scorer lacks the question."""
        lacking = not searched.question and any(scorer.asks for scorer in self.scorers)
        if lacking or not searched.sentences:
            return []
        rows = features(self.scorers, searched)
        proposals = [
            Proposal(CharSpan(sentence.start, sentence.end), self.fit.confidence(row), self._reason(row), self.name)
            for sentence, row in zip(searched.sentences, rows, strict=True)
        ]
        return sorted(proposals, key=lambda proposal: (-proposal.confidence, proposal.span.start))

    def _reason(self, row: Sequence[float]) -> str:
        """Return the reason of the scorer that puts the sentence highest above the others."""
        own = [row[index * len(PER_SCORER)] for index in range(len(self.scorers))]
        return self.scorers[own.index(max(own))].reason


def features(scorers: Sequence[Scorer], searched: Searched) -> list[list[float]]:
    """Return what the scorers say of every sentence, and how many sentences there are (its logarithm)."""
    columns: list[list[float]] = []
    held = sorted({sentence.paragraph for sentence in searched.sentences})
    for scorer in scorers:
        own = _standard(scorer.score(searched, searched.sentences))
        above = _standard(scorer.score(searched, [searched.paragraphs[index] for index in held]))
        by_paragraph = dict(zip(held, above, strict=True))
        columns += [own, _leads(own), [by_paragraph[sentence.paragraph] for sentence in searched.sentences]]
    columns.append([math.log(len(searched.sentences))] * len(searched.sentences))
    return [list(row) for row in zip(*columns, strict=True)]


def _standard(scores: Sequence[float]) -> list[float]:
    spread = statistics.pstdev(scores)
    mean = statistics.fmean(scores)
    return [(score - mean) / spread if spread > 0 else 0.0 for score in scores]


def _leads(scores: Sequence[float]) -> list[float]:
    if len(scores) == 1:
        return [0.0]
    second, first = sorted(scores)[-2:]
    return [score - (second if score == first else first) for score in scores]
