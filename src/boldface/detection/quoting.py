"""Quoting (AutoPASTA, Zhang et al. 2024b): the model is asked for the words that answer, and they are looked up."""

from __future__ import annotations

from collections.abc import Sequence

from boldface.detection.cutting import Piece
from boldface.detection.searched import Searched
from boldface.emphasis.span import EmphasisedText
from boldface.engine.model import Model
from boldface.metrics.answers import f1

_ORDER = "Copy, word for word, the sentence of the text that answers this question: {question}"
_CUE = '\n\nThe sentence that answers it is: "'
_LONGEST = 64


class Quoting:
    """Ranks pieces by the words that they share with what the model quotes.

    Args:
        model: The model.
    """

    name = "quotes"
    reason = "is what the model quotes"
    asks = True

    def __init__(self, model: Model) -> None:
        self.model = model

    def score(self, searched: Searched, pieces: Sequence[Piece]) -> list[float]:
        """Return the F1 of the words of every piece and of the quotation, from 0 to 1."""
        quoted = self.quote(searched)
        return [f1(quoted, [searched.words(piece)]) for piece in pieces]

    def quote(self, searched: Searched) -> str:
        """Return what the model quotes."""
        prompt = f"{searched.context}\n\n{_ORDER.format(question=searched.question)}{_CUE}"
        said = self.model.generate(EmphasisedText(prompt), raw=True, max_new_tokens=_LONGEST).text
        return str(said).strip().split("\n")[0].split('"')[0]
