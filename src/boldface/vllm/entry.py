"""One request's steering as numbers, laid out once when the request first runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from boldface.steering.plan import Steering
from boldface.vllm import columns


@dataclass(frozen=True)
class Entry:
    """What a steered request appends to its queries and keys.

    Attributes:
        prompt: Tokens of its prompt.
        start: First position whose query is steered.
        last: Last lifted position of the prompt; generated keys are lifted while a query sees it.
        keys: (prompt, columns), of the keys of its prompt.
        generated: (columns,), of the key of every generated token.
        queries: (layers, heads, columns), of its queries.
        unlifted: The same without what lifts generated keys.
    """

    prompt: int
    start: int
    last: int
    keys: Tensor
    generated: Tensor
    queries: Tensor
    unlifted: Tensor


def entry(
    steering: Steering, prompt: int, scales: Sequence[float], heads: range, dtype: torch.dtype, layers: Sequence[int]
) -> Entry:
    """Lay out a steering that is not null and that :func:`boldface.vllm.shape.check` let pass.

    Args:
        steering: How the request is steered.
        prompt: Tokens of its prompt.
        scales: What the kernel multiplies scores with, a layer.
        heads: Query heads of this rank.
        dtype: Of queries and cache.
        layers: The layers of this rank.
    """
    nats = torch.zeros(prompt, dtype=torch.float64)
    for span in steering.spans:
        nats[span.start : span.end] = span.strength
    lift = lift_of(steering)
    rows = {layer: row for row, layer in enumerate(layers)}
    found = np.zeros((len(layers), len(heads)))
    for (layer, head), gain in steering.gains.items():
        if layer in rows and head in heads:
            found[rows[layer], head - heads.start] = gain
    gains = torch.from_numpy(found)
    reach = max(map(abs, steering.gains.values()))
    scale = torch.tensor(scales, dtype=torch.float64)
    emphasised, lifted = nats.nonzero().flatten(), (nats > 0).nonzero().flatten()
    return Entry(
        prompt=prompt,
        start=int(emphasised[0]) if steering.scope == "all" else prompt - 1,
        last=int(lifted[-1]) if lift else -1,
        keys=columns.on_keys(nats, reach, dtype),
        generated=columns.on_generated_keys(lift > 0, dtype),
        queries=columns.on_queries(gains, lift, reach, scale, dtype),
        unlifted=columns.on_queries(gains, 0.0, reach, scale, dtype),
    )


def lift_of(steering: Steering) -> float:
    """Return what generated keys of a head of gain 1 are lifted by, in nats; 0 where no head lifts them."""
    if steering.rule != "pasta" or not any(gain > 0 for gain in steering.gains.values()):
        return 0.0
    return max([0.0, *(span.strength for span in steering.spans)])
