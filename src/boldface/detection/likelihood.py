"""Query likelihood (Ponte & Croft 1998; Sachan et al. 2022): would somebody who read this piece ask that?"""

from __future__ import annotations

from collections.abc import Sequence

from boldface.detection.cutting import Piece
from boldface.detection.searched import Searched
from boldface.emphasis.span import EmphasisedText
from boldface.engine.model import Model
from boldface.engine.scoring import continuation_logprobs, following, mean_logprob
from boldface.engine.steer import prepare

_ROWS = 8
_CUE = "\n\nQuestion:"


class Likelihood:
    """Ranks pieces by how likely the model finds the question behind each of them.

    Args:
        model: The model.
    """

    name = "likelihood"
    reason = "makes the model expect the question"
    asks = True

    def __init__(self, model: Model) -> None:
        self.model = model

    def score(self, searched: Searched, pieces: Sequence[Piece]) -> list[float]:
        """Return the mean log-probability of the question's tokens behind every piece, in nats."""
        tokenizer = self.model.tokenizer
        order = sorted(range(len(pieces)), key=lambda index: pieces[index].end - pieces[index].start)
        scores = [0.0] * len(pieces)
        for start in range(0, len(order), _ROWS):
            rows = order[start : start + _ROWS]
            prompts = [EmphasisedText(searched.words(pieces[row]) + _CUE) for row in rows]
            asked = following(tokenizer, f" {searched.question}", prompts[0].text)
            prepared = prepare(self.model.model, tokenizer, prompts)
            read = continuation_logprobs(self.model, prepared, [asked] * len(rows))
            for row, logprobs in zip(rows, read, strict=True):
                scores[row] = float(mean_logprob(logprobs, asked))
        return scores
