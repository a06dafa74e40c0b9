"""Completions, in OpenAI's shape: with the prompt before the answer where it is to be echoed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from boldface.engine.batching import Piece, TokenScore
from boldface.server.scores import TextScoring
from boldface.server.writing import Draft, finish


@dataclass(frozen=True)
class Echo:
    """A prompt that is given back before its answer.

    Attributes:
        text: The prompt.
        tokens: Scores of its tokens; none when they were not asked for.
    """

    text: str
    tokens: tuple[TokenScore, ...]


class TextWriter:
    """Writes completions.

    Args:
        scorings: Of every answer, what writes its log-probabilities; None when they were not asked for.
        echoes: Of every answer the prompt that is echoed; None when none is.
    """

    prefix, whole_object, part_object = "cmpl-", "text_completion", "text_completion"

    def __init__(self, scorings: Sequence[TextScoring | None], echoes: Sequence[Echo | None]) -> None:
        self.scorings, self.echoes = scorings, echoes

    def opening(self, index: int) -> dict[str, Any] | None:
        """Give the prompt back, if it is to be."""
        echo, scoring = self.echoes[index], self.scorings[index]
        if echo is None:
            return None
        scores = None if scoring is None else scoring.add(echo.tokens)
        return {"index": index, "text": echo.text, "logprobs": scores, "finish_reason": None}

    def part(self, index: int, piece: Piece) -> dict[str, Any]:
        """Return what is new."""
        scoring = self.scorings[index]
        return {
            "index": index,
            "text": piece.text,
            "logprobs": None if scoring is None else scoring.add(piece.tokens),
            "finish_reason": None if piece.finish_reason is None else finish(piece),
        }

    def whole(self, index: int, draft: Draft) -> dict[str, Any]:
        """Return the text."""
        echo, scoring = self.echoes[index], self.scorings[index]
        before = () if echo is None else echo.tokens
        return {
            "index": index,
            "text": draft.text if echo is None else echo.text + draft.text,
            "logprobs": None if scoring is None else scoring.add((*before, *draft.tokens)),
            "finish_reason": finish(draft.last),
        }
