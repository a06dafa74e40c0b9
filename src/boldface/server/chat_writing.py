"""Answers to chats, in OpenAI's shape."""

from __future__ import annotations

from typing import Any

from boldface.engine.batching import Piece
from boldface.server.scores import chat_scores
from boldface.server.writing import Draft, finish


class ChatWriter:
    """Writes answers to a chat.

    Args:
        scored: Whether log-probabilities were asked for.
    """

    prefix, whole_object, part_object = "chatcmpl-", "chat.completion", "chat.completion.chunk"

    def __init__(self, *, scored: bool) -> None:
        self.scored = scored

    def opening(self, index: int) -> dict[str, Any]:
        """Say who speaks."""
        delta = {"role": "assistant", "content": "", "refusal": None}
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}

    def part(self, index: int, piece: Piece) -> dict[str, Any]:
        """Return what is new."""
        return {
            "index": index,
            "delta": {"content": piece.text} if piece.text else {},
            "logprobs": chat_scores(piece.tokens) if self.scored else None,
            "finish_reason": None if piece.finish_reason is None else finish(piece),
        }

    def whole(self, index: int, draft: Draft) -> dict[str, Any]:
        """Return the message."""
        return {
            "index": index,
            "message": {"role": "assistant", "content": draft.text, "refusal": None},
            "logprobs": chat_scores(draft.tokens) if self.scored else None,
            "finish_reason": finish(draft.last),
        }
