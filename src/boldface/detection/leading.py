"""The sentence that fits a question best, by several scorers together."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from boldface.detection.cutting import Sentence
from boldface.detection.proposer import Scorer
from boldface.detection.searched import Searched


def leading(scorers: Sequence[Scorer], searched: Searched) -> Sentence:
    """Return the sentence whose standardised scores sum to most; headings lead nowhere unless all are."""
    sums = [0.0] * len(searched.sentences)
    for scorer in scorers:
        scores = standard(scorer.score(searched, searched.sentences))
        sums = [total + score for total, score in zip(sums, scores, strict=True)]
    able = [place for place, one in enumerate(searched.sentences) if not searched.is_heading(one)]
    return searched.sentences[max(able or range(len(sums)), key=sums.__getitem__)]


def standard(scores: Sequence[float]) -> list[float]:
    """Return scores in standard deviations from their mean; all 0 where they are alike."""
    spread, mean = statistics.pstdev(scores), statistics.fmean(scores)
    return [(score - mean) / spread if spread > 0 else 0.0 for score in scores]
