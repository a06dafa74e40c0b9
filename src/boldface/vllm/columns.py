"""The fold as columns: what a steered request appends to its queries and keys, so that vLLM's own kernel adds the bias.

With q' = [q, a] and k' = [k, b] the score becomes scale x (q·k + a·b). The keys carry what their place says and the
queries what their head says, so that requests of one batch may be steered each in its way:

==================  =====================================  ========================================
key                 carries                                and meets, in the query
==================  =====================================  ========================================
prompt token        its nats, and 0                        the gain of the head
generated token     0, and 1                               max(0, gain) x strongest nats
of a plain request  0, and 0                               0, and 0
==================  =====================================  ========================================

Gains and nats are bounded only as a product, so they are balanced first: by the largest gain alone, because keys of
one emphasis have to be the same whatever follows in their prompt, or blocks of the cache could not be shared. In 16
bits both are split into high and low parts, which makes six columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

from boldface.emphasis.strength import MAX_STRENGTH


def count(dtype: torch.dtype) -> int:
    """Return how many columns the fold takes: two in 32 bits, six in 16."""
    return 2 if _is_wide(dtype) else 6


def on_keys(nats: Tensor, reach: float, dtype: torch.dtype) -> Tensor:
    """Return the columns of the keys of a prompt: (tokens, columns).

    Args:
        nats: (tokens,) float64, strength of every token.
        reach: Largest size of a gain.
        dtype: Of the cache.
    """
    balanced = nats * (reach / MAX_STRENGTH)
    if _is_wide(dtype):
        return torch.stack([balanced, torch.zeros_like(nats)], dim=-1).to(dtype)
    high, low = _parts(balanced, dtype)
    nothing = torch.zeros_like(high)
    return torch.stack([high, low, high, low, nothing, nothing], dim=-1)


def on_generated_keys(lifted: bool, dtype: torch.dtype) -> Tensor:
    """Return the columns of the key of every generated token: (columns,); zeros where none is ever lifted."""
    columns = torch.zeros(count(dtype), dtype=dtype)
    if lifted:
        columns[1 if _is_wide(dtype) else 4 :] = 1
    return columns


def on_queries(gains: Tensor, lift: float, reach: float, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the columns of the queries: (layers, heads, columns).

    Args:
        gains: (layers, heads) float64.
        lift: What generated keys are lifted by at gain 1, in nats.
        reach: Largest size of a gain.
        scale: (layers,) float64, what the kernel multiplies scores with.
        dtype: Of the queries.
    """
    balanced = gains / reach * MAX_STRENGTH / scale[:, None]
    lifts = gains.clamp(min=0) * lift / scale[:, None]
    if _is_wide(dtype):
        return torch.stack([balanced, lifts], dim=-1).to(dtype)
    high, low = _parts(balanced, dtype)
    return torch.stack([high, high, low, low, *_parts(lifts, dtype)], dim=-1)


def _is_wide(dtype: torch.dtype) -> bool:
    return dtype in (torch.float32, torch.float64)


def _parts(number: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    high = number.to(dtype)
    return high, (number - high.to(number.dtype)).to(dtype)
