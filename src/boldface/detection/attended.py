"""How much attention every token of a text gets while the model reads it, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from boldface.attention import materialised
from boldface.attention.call import Call
from boldface.attention.watch import some_queries, watched
from boldface.emphasis.span import EmphasisedText, TokenSpan
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.heads import all_heads
from boldface.engine.model import Model
from boldface.engine.steer import lay_out
from boldface.errors import RouteError
from boldface.steering.plan import Steering

_QUERIES = 128
"""Queries whose probabilities are held at once."""


@dataclass(frozen=True)
class Attended:
    """What a reading gave.

    Attributes:
        prompt: The tokens that were read.
        received: (layers, tokens): attention that every token gets from the queries asked about, summed over them and
            over the heads of the layer.
    """

    prompt: EncodedPrompt
    received: Tensor


def attended(model: Model, text: str, queries: tuple[int, int] | None = None) -> Attended:
    """Read a text once, unsteered, and tell how much attention its tokens get.

    Args:
        model: The model.
        text: The text, as it stands.
        queries: Characters ``[start, end)`` whose tokens are the queries; None is all of them.

    Raises:
        ContextLengthError: The text does not fit into the model's context.
        RouteError: The model's attention cannot be told exactly.
    """
    prompt = model.encode(EmphasisedText(text), raw=True)
    asking = [
        index
        for index, (start, end) in enumerate(prompt.offsets)
        if queries is None or (start < queries[1] and queries[0] < end)
    ]
    gains = all_heads(model.geometry.heads)
    prepared = lay_out(model.model, model.tokenizer, [prompt], [Steering((TokenSpan(0, 1, 1.0),), gains)])
    assert prepared.plan is not None
    received: dict[int, Tensor] = {}
    with model.running(replace(prepared, plan=None)), watched(model.model, prepared.plan, _taking(received, asking)):
        model.model(**prepared.inputs, use_cache=False, logits_to_keep=1)
    return Attended(prompt, torch.stack([received[layer] for layer in sorted(received)]))


def _taking(received: dict[int, Tensor], asking: list[int]) -> Callable[[Call], None]:
    first, stop = min(asking), max(asking) + 1

    def take(call: Call) -> None:
        total = torch.zeros(call.keys, dtype=torch.float64)
        for start in range(first, stop, _QUERIES):
            some = some_queries(call, start, min(start + _QUERIES, stop))
            if why := materialised.why_not(some):
                raise RouteError(f"The attention of layer {call.layer} cannot be told: {why}", "Load it with sdpa.")
            total += materialised.weights(some, steered=False)[0].sum(dim=(0, 1)).cpu()
        received[call.layer] = total

    return take
