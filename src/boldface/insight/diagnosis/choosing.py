"""Answers that are allowed: a model writes one of some, token by token the likeliest that can still become one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from boldface.engine.scoring import following
from boldface.errors import CheckError


def only(
    tokenizer: Any, choices: Sequence[str], prompt: str, ends: Sequence[int]
) -> Callable[[int, Tensor], list[int]]:
    """Return what transformers' ``generate`` takes as ``prefix_allowed_tokens_fn``.

    Args:
        tokenizer: Of the model.
        choices: The answers, at least one.
        prompt: The rendered prompt, which they follow.
        ends: Tokens that end an answer.

    Raises:
        CheckError: There is no answer to choose, or no token to end it with.
        AlignmentError: An answer has no tokens of its own behind the prompt.
    """
    if not choices or not ends:
        raise CheckError("There is no answer to choose, or no token that ends one.", "Name at least one answer.")
    allowed = [[*following(tokenizer, f" {choice.strip()}", prompt), ends[0]] for choice in choices]
    width: list[int] = []

    def after(row: int, ids: Tensor) -> list[int]:
        if not width:
            width.append(len(ids))  # the first call is for the first token
        written = ids[width[0] :].tolist()
        open_ones = [tokens for tokens in allowed if tokens[: len(written)] == written]
        return sorted({tokens[len(written)] for tokens in open_ones if len(tokens) > len(written)}) or [ends[0]]

    return after
