"""Moved: where the attention of the last prompt token goes, without the emphasis and with it.

The model reads the prompt twice, once plain and once steered. Queries and keys of the layers with a steered head are
taken from both, and the probabilities are computed from them in full, in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from boldface.attention import materialised
from boldface.attention.call import Call
from boldface.attention.watch import last_query, watched
from boldface.engine.model import Model
from boldface.engine.steer import Prepared
from boldface.errors import NothingSteeredError, RouteError, SpanError
from boldface.profiles.heads import Head


class MovedToken(NamedTuple):
    """A token of the prompt.

    Attributes:
        text: What it says.
        before: Share of the last prompt token's attention that it gets from the plain model, mean over steered heads.
        after: The same from the steered model.
        strength: Its emphasis in nats.
    """

    text: str
    before: float
    after: float
    strength: float


class Shift(NamedTuple):
    """Share of one head's attention on the emphasised tokens, before and after."""

    before: float
    after: float


@dataclass(frozen=True)
class Moved:
    """How the attention of the last prompt token moved.

    Attributes:
        tokens: Every token of the prompt. Shares sum to 1, less what sinks of heads take.
        heads: Every steered head, in order.
    """

    tokens: tuple[MovedToken, ...]
    heads: Mapping[Head, Shift]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        heads = {str(head): shift._asdict() for head, shift in self.heads.items()}
        return {"tokens": [token._asdict() for token in self.tokens], "heads": heads}


def moved(model: Model, prepared: Prepared, route: str = "auto") -> Moved:
    """Read one prompt plain and steered, and tell how the attention moved.

    Args:
        model: The model.
        prepared: One prompt and how it is steered; see :func:`boldface.engine.steer.prepare`.
        route: How the bias is carried.

    Raises:
        NothingSteeredError: Nothing of the prompt is steered.
        SpanError: There is not one prompt but several.
        RouteError: The model's attention cannot be told exactly, or the route is not exact.
    """
    if len(prepared.rows.prompts) != 1:
        raise SpanError(f"{len(prepared.rows.prompts)} prompts were given.", "Ask for one prompt at a time.")
    if prepared.plan is None:
        raise NothingSteeredError("Nothing is steered, so no attention moves.", "Emphasise something in the prompt.")
    before, after = _Weights(steered=False), _Weights(steered=True)
    with model.running(replace(prepared, plan=None)), watched(model.model, prepared.plan, before.take):
        _read(model, prepared)
    with model.running(prepared, route, watch=after.take):
        _read(model, prepared)
    prompt, gains = prepared.rows.prompts[0], prepared.steerings[0].gains
    means = [
        torch.stack([weights.by_layer[head.layer][head.head] for head in gains]).mean(dim=0).tolist()
        for weights in (before, after)
    ]
    lit = [index for index, nats in enumerate(prompt.nats) if nats]
    return Moved(
        tuple(MovedToken(*token) for token in zip(prompt.pieces, *means, prompt.nats, strict=True)),
        {head: Shift(before.on(head, lit), after.on(head, lit)) for head in gains},
    )


class _Weights:
    """Takes, layer by layer, the attention of the last query."""

    def __init__(self, *, steered: bool) -> None:
        self.steered = steered
        self.by_layer: dict[int, Tensor] = {}

    def take(self, call: Call) -> None:
        last = last_query(call)
        if why := materialised.why_not(last):
            raise RouteError(f"The attention of layer {call.layer} cannot be told: {why}", "Load the model with sdpa.")
        self.by_layer[call.layer] = materialised.weights(last, steered=self.steered)[0, :, 0].cpu()

    def on(self, head: Head, tokens: list[int]) -> float:
        return float(self.by_layer[head.layer][head.head, tokens].sum())


def _read(model: Model, prepared: Prepared) -> None:
    model.model(**prepared.inputs, use_cache=False, logits_to_keep=1)
