"""Choices: what plain and steered model expect at every place of an answer, told by a few figures of all tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

ROWS = 32
"""Places whose divergences are computed at once: each takes as much memory as the vocabulary is large."""


class Choice(NamedTuple):
    """What is expected at one place of the answer, in nats.

    Attributes:
        plain: Log-probability of the answer's token for the plain model.
        steered: The same for the steered model.
        divergence: KL(plain ‖ steered).
        plain_choice: The likeliest token for the plain model.
        plain_choice_logprob: How likely the plain model finds that.
        steered_choice: The likeliest token for the steered model.
    """

    plain: float
    steered: float
    divergence: float
    plain_choice: int
    plain_choice_logprob: float
    steered_choice: int


def choices(plain: Tensor, steered: Tensor, answer: Sequence[int]) -> list[Choice]:
    """Compare what two models expect.

    Args:
        plain: (answer, vocabulary) log-probabilities of the plain model.
        steered: The same of the steered model.
        answer: The tokens that stand there.
    """
    tokens = torch.tensor(answer, device=plain.device)[:, None]
    likeliest = plain.max(dim=-1)
    apart = [
        (one.exp() * (one - other)).sum(dim=-1)
        for one, other in zip(torch.split(plain, ROWS), torch.split(steered, ROWS), strict=True)
    ]
    columns = (
        plain.gather(1, tokens)[:, 0],
        steered.gather(1, tokens)[:, 0],
        torch.cat(apart).clamp(min=0),
        likeliest.indices,
        likeliest.values,
        steered.argmax(dim=-1),
    )
    return [Choice(*place) for place in zip(*(column.tolist() for column in columns), strict=True)]
