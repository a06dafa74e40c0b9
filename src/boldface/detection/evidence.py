"""Evidence: the sentences that answer the question, by one scorer or several, with a confidence that was fitted.

Every scorer ranks sentences, and the paragraphs they stand in, in a unit of its own. A logistic regression, fitted on
training rows of data sets that mark their evidence, turns these into one confidence (:mod:`boldface.detection.fitted`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from boldface.detection.fitted import Fit
from boldface.detection.leading import standard
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
        fit = self.fit.of(len(searched.held))
        proposals = [
            Proposal(CharSpan(sentence.start, sentence.end), fit.confidence(row), self._reason(fit, row), self.name)
            for sentence, row in zip(searched.sentences, rows, strict=True)
        ]
        return sorted(proposals, key=lambda proposal: (-proposal.confidence, proposal.span.start))

    def _reason(self, fit: Fit, row: Sequence[float]) -> str:
        """Return the reason of the scorer that speaks most for the sentence."""
        told = [weight * value for weight, value in zip(fit.weights, row, strict=True)]
        size = len(PER_SCORER)
        said = [sum(told[place : place + size]) for place in range(0, size * len(self.scorers), size)]
        return self.scorers[said.index(max(said))].reason


def features(scorers: Sequence[Scorer], searched: Searched) -> list[list[float]]:
    """Return what the scorers say of every sentence, and how many sentences there are (its logarithm)."""
    columns: list[list[float]] = []
    for scorer in scorers:
        own = standard(scorer.score(searched, searched.sentences))
        above = standard(scorer.score(searched, [searched.paragraphs[index] for index in searched.held]))
        by_paragraph = dict(zip(searched.held, above, strict=True))
        columns += [own, _leads(own), [by_paragraph[sentence.paragraph] for sentence in searched.sentences]]
    columns.append([math.log(len(searched.sentences))] * len(searched.sentences))
    return [list(row) for row in zip(*columns, strict=True)]


def _leads(scores: Sequence[float]) -> list[float]:
    if len(scores) == 1:
        return [0.0]
    second, first = sorted(scores)[-2:]
    return [score - (second if score == first else first) for score in scores]
