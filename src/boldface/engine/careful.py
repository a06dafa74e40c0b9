"""Careful: before words are emphasised, the plain model is asked whether it finds them worth reading.

Somebody may have marked the wrong words, or a detector found them. The model reads the prompt once, plain. A span is
believed as far as the last token looks at it more than at other stretches of the prompt that are as long, in the upper
layers, whose attention is close to the answer. Words that it passes over like most others are not emphasised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from boldface.attention import materialised
from boldface.attention.call import Call
from boldface.attention.geometry import geometry
from boldface.attention.watch import last_query, watched
from boldface.emphasis.confidence import capped, share_of
from boldface.emphasis.span import TokenSpan
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.heads import all_heads
from boldface.engine.scoring import places
from boldface.engine.steer import Prepared
from boldface.errors import RouteError
from boldface.steering.plan import Steering, build_plan

if TYPE_CHECKING:
    from boldface.engine.model import Model

UPPER = 1 / 3
"""Share of the layers, the uppermost, whose heads are asked. Below them much attention goes to whatever is near."""


def careful(model: Model, prepared: Prepared, kept: Sequence[Sequence[TokenSpan]] | None = None) -> Prepared:
    """Return the prompts with every span at the strength that it deserves; what suppresses stays as it is.

    Args:
        model: The model; it reads the prompts once.
        prepared: Left-padded prompts and how they are steered.
        kept: Of every prompt, tokens that nobody doubts: what is emphasised of them keeps its strength.

    Raises:
        RouteError: The model's attention cannot be told exactly.
    """
    if prepared.plan is None:
        return prepared
    rows = prepared.rows
    attention = _attention(model, prepared)
    prompts, steerings = [], []
    sure = [()] * len(rows.prompts) if kept is None else kept
    for prompt, steering, row, own in zip(rows.prompts, prepared.steerings, attention, sure, strict=True):
        spans = _weighed(prompt, steering.spans, row[-len(prompt.ids) :].tolist(), own)
        prompts.append(replace(prompt, spans=spans))
        steerings.append(replace(steering, spans=spans))
    plan = build_plan(steerings, rows.lengths, geometry(model.model).heads, device=rows.ids.device)
    return replace(
        prepared,
        rows=replace(rows, prompts=tuple(prompts)),
        steerings=tuple(steerings),
        plan=None if all(steering.is_null for steering in steerings) else plan,
    )


def confidences(prompt: EncodedPrompt, spans: Sequence[TokenSpan], attention: Sequence[float]) -> list[float]:
    """Return how sure the model is of every span: the share of other stretches as long that get less attention.

    Other spans are stretches like any other. A span that leaves no stretch as long cannot be compared, and is believed.
    Control tokens, and the first one, which models use as a place to look when there is nothing to see, are nobody's
    words.

    Args:
        prompt: The prompt.
        spans: Emphasised tokens.
        attention: Attention on every token.
    """
    words = [bool(place) and not special for place, special in enumerate(prompt.special)]
    sums = [0.0, *accumulate(weight * word for weight, word in zip(attention, words, strict=True))]
    sure = []
    for span in spans:
        length = span.end - span.start
        free = [word and not span.start <= place < span.end for place, word in enumerate(words)]
        less = [
            sums[place + length] - sums[place] < sums[span.end] - sums[span.start]
            for start, end in _stretches(free)
            for place in range(start, end - length + 1)
        ]
        sure.append(sum(less) / len(less) if less else 1.0)
    return sure


def _weighed(
    prompt: EncodedPrompt, spans: tuple[TokenSpan, ...], attention: Sequence[float], kept: Sequence[TokenSpan]
) -> tuple[TokenSpan, ...]:
    """The spans at their new strengths; those that deserve none stay with strength 0, so that people see it."""
    lifted = [span for span in spans if span.strength > 0]
    doubted = [span for span in lifted if not any(span.start < own.end and own.start < span.end for own in kept)]
    shares = dict(zip(doubted, map(share_of, confidences(prompt, doubted, attention)), strict=True))
    words = len(prompt.ids) - sum(prompt.special)
    covered = sum(span.end - span.start for span in lifted if shares.get(span, 1.0)) / max(1, words)
    return tuple(
        replace(span, strength=capped(shares[span] * span.strength, covered) if shares[span] else 0.0)
        if span in shares
        else span
        for span in spans
    )


def _attention(model: Model, prepared: Prepared) -> Tensor:
    """The plain model's attention from the last token on every column, summed over the heads that are asked."""
    layers = sorted(model.geometry.heads)
    asked = {layer: model.geometry.heads[layer] for layer in layers[-max(1, round(len(layers) * UPPER)) :]}
    steering = Steering((TokenSpan(0, 1, 1.0),), all_heads(asked))
    rows = prepared.rows
    summed = torch.zeros(rows.ids.shape, dtype=torch.float64)

    def take(call: Call) -> None:
        last = last_query(call)
        if why := materialised.why_not(last):
            raise RouteError(f"The attention of layer {call.layer} cannot be told: {why}", "Load the model with sdpa.")
        summed.add_(materialised.weights(last, steered=False)[:, :, 0].sum(dim=1).cpu())

    plan = build_plan([steering] * len(rows.prompts), rows.lengths, model.geometry.heads, device=rows.ids.device)
    with model.running(replace(prepared, plan=None)), watched(model.model, plan, take):
        model.model(
            **prepared.inputs,
            use_cache=False,
            logits_to_keep=1,
            **places(model.model, rows.mask, slice(None)),
        )
    return summed


def _stretches(words: Sequence[bool]) -> list[tuple[int, int]]:
    """Runs of True, as half-open ranges."""
    edges = [-1, *(place for place, word in enumerate(words) if not word), len(words)]
    return [(left + 1, right) for left, right in pairwise(edges) if right - left > 1]
