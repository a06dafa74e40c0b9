"""How answers are written: what chats and completions have in common, and what each says of an answer."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from boldface.engine.batching import Piece, TokenScore
from boldface.server.shapes import Usage


@dataclass
class Draft:
    """An answer that is being gathered.

    Attributes:
        text: Its text so far.
        tokens: Scores of its tokens so far.
        last: Its last piece, once it has ended.
    """

    text: str = ""
    tokens: list[TokenScore] = field(default_factory=list)
    last: Piece | None = None

    def add(self, piece: Piece) -> None:
        """Take the next piece."""
        self.text += piece.text
        self.tokens += piece.tokens
        if piece.finish_reason is not None:
            self.last = piece


class Writer(Protocol):
    """Writes the answers to one HTTP request, in the shape of its endpoint.

    Attributes:
        prefix: Begins the id of an answer.
        whole_object: What an answer is called.
        part_object: What a part of a stream is called.
    """

    prefix: str
    whole_object: str
    part_object: str

    def opening(self, index: int) -> dict[str, Any] | None:
        """Return the choice that a stream begins with, if there is one."""

    def part(self, index: int, piece: Piece) -> dict[str, Any]:
        """Return a piece as the choice of a part of a stream."""

    def whole(self, index: int, draft: Draft) -> dict[str, Any]:
        """Return an answer as a choice."""


def head(writer: Writer, model: str, fingerprint: str) -> dict[str, Any]:
    """Return what an answer, and every part of it, begins with."""
    return {
        "id": writer.prefix + uuid.uuid4().hex,
        "object": writer.whole_object,
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": fingerprint,
    }


def usage(prompts: Sequence[int], lasts: Sequence[Piece]) -> Usage:
    """Count the tokens of a request.

    Args:
        prompts: Tokens of every prompt, each counted once, however many answers it has.
        lasts: The last pieces of all answers.
    """
    used = [piece.usage for piece in lasts if piece.usage is not None]
    read, written = sum(prompts), sum(one.answer_tokens for one in used)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": min(read, sum(one.cached_tokens for one in used))},
    }


def finish(piece: Piece | None) -> str:
    """Return what ended an answer, in OpenAI's words."""
    return "stop" if piece is not None and piece.finish_reason == "stop" else "length"
