"""Sample batches: prompts of different lengths, emphasis, heads and strengths, followed by given answer tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel

from boldface.attention.geometry import geometry
from boldface.emphasis.span import TokenSpan
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Plan, Scope, Steering, build_plan
from boldface.steering.rules import Rule

PROMPT = 14
ANSWER = 6


@dataclass(frozen=True)
class Sample:
    """A batch of prompts with their answers, and the plan that steers it.

    Attributes:
        ids: (batch, width + answer) token ids.
        real: (batch, width + answer) bool, false at padding.
        padded: True when some row has padding, so that models are given an attention mask.
        rows: The steering of every row.
        plan: The same as tensors.
    """

    ids: Tensor
    real: Tensor
    padded: bool
    rows: tuple[Steering, ...]
    plan: Plan

    @property
    def prompt(self) -> Tensor:
        """(batch, width) token ids of the prompts."""
        return self.ids[:, : self.plan.width]

    def inputs(self, start: int = 0, stop: int | None = None) -> dict[str, Any]:
        """Return what a model is called with for columns ``[start, stop)``, given a cache of the columns before."""
        stop = self.ids.shape[1] if stop is None else stop
        if not self.padded:
            return {"input_ids": self.ids[:, start:stop]}
        positions = (self.real.cumsum(1) - 1).clamp(min=0)
        return {
            "input_ids": self.ids[:, start:stop],
            "attention_mask": self.real[:, :stop].long(),
            "position_ids": positions[:, start:stop],
        }

    def to(self, device: torch.device | str) -> Sample:
        """Return the sample with its tensors on ``device``."""
        device = torch.device(device)
        return replace(self, ids=self.ids.to(device), real=self.real.to(device), plan=self.plan.to(device))


def signed_gains(heads: dict[int, int], second: float = -0.5) -> HeadGains:
    """Return gains of every kind: full, fractional, negative, none; no head's neighbour is like it."""
    kinds = (1.0, second, 0.7, 0.0)
    return HeadGains({(layer, head): kinds[(head + layer) % 4] for layer in heads for head in range(heads[layer])})


def steerings(
    heads: dict[int, int],
    scopes: Sequence[Scope] = ("all", "all", "all"),
    rule: Rule = "pasta",
    target: float | None = None,
) -> tuple[Steering, ...]:
    """Return three rows: signed gains with a suppressed span, few heads with mild strengths, and nothing.

    Rule ``share`` takes neither negative gains nor suppression, so there are none of them then.
    """
    layers = sorted(heads)
    few = HeadGains({(layers[-1], 1): 1.0, (layers[0], 0): 0.6})
    if rule == "share":
        return (
            Steering((TokenSpan(2, 4, 2.0), TokenSpan(9, 11, 4.6)), signed_gains(heads, 0.3), scopes[0], rule, 0.5),
            Steering((TokenSpan(5, 8, 1.0),), few, scopes[1], rule, 0.9),
            Steering(scope=scopes[2], rule=rule, share=0.5),
        )
    spans = (TokenSpan(2, 4, -2.0), TokenSpan(9, 11, 4.6)), (TokenSpan(5, 6, 1.0), TokenSpan(6, 8, 3.0))
    return (
        Steering(spans[0], signed_gains(heads), scopes[0], rule, target=target),
        Steering(spans[1], few, scopes[1], rule, target=target),
        Steering(scope=scopes[2], rule=rule, target=target),
    )


def sample(
    model: PreTrainedModel,
    *,
    padding: Literal["left", "right"] | None = None,
    scopes: Sequence[Scope] = ("all", "all", "all"),
    rule: Rule = "pasta",
    target: float | None = None,
    rows: Sequence[Steering] | None = None,
    answer: int = ANSWER,
    seed: int = 1,
) -> Sample:
    """Return a random batch that the model can be given.

    Args:
        model: Whose vocabulary and heads are used.
        padding: Side of the padding; None for rows of equal length.
        scopes: Scope of every row, for the default rows.
        rule: Rule of all rows, for the default rows.
        target: Their target share.
        rows: Other rows than :func:`steerings` gives.
        answer: Answer tokens after the prompt; the plan takes them as generated.
        seed: Seed of the token ids.
    """
    heads = geometry(model).heads
    rows = steerings(heads, scopes, rule, target) if rows is None else tuple(rows)
    lengths = [PROMPT - 3 * (index % 2) if padding else PROMPT for index in range(len(rows))]
    generator = torch.Generator().manual_seed(seed)
    vocabulary = model.config.get_text_config().vocab_size
    ids = torch.randint(2, vocabulary, (len(rows), PROMPT + answer), generator=generator)
    real = torch.ones_like(ids, dtype=torch.bool)
    for index, length in enumerate(lengths):
        gap = slice(0, PROMPT - length) if padding == "left" else slice(length, PROMPT)
        real[index, gap] = False
        ids[index, gap] = 0
    plan = build_plan(rows, lengths, heads, padding=padding or "left")
    return Sample(ids, real, padding is not None, rows, plan)
