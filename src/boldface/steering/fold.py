"""The fold: carry the bias in extra columns of the head dimension, so that any unmodified kernel computes it.

With q' = [q, a] and k' = [k, b] the score becomes scale * (q·k + a·b). The bias is a sum of two products of a
per-(head, query) and a per-key number, gain x nats on the prompt and max(0, gain) x lift on generated tokens; a and b
are those numbers, a divided by the scale. Exact under grouped queries, because the gain sits on the query head and the
nats on the key. Values are widened by zeros.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def fold(
    query: Tensor, key: Tensor, value: Tensor, terms: list[tuple[Tensor, Tensor]], *, scale: float, multiple: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """Widen query, key and value by the columns of the bias terms.

    Args:
        query: (batch, heads, query, head_dim).
        key: (batch, kv_heads, key, head_dim).
        value: (batch, kv_heads, key, value_dim).
        terms: Pairs of a query side (batch, heads, 1 or query) and a key side (batch, key), float32, in nats.
        scale: What the kernel multiplies scores with.
        multiple: The new head size is rounded up to this (kernels want eights).

    Returns:
        Query, key and value, all of one new head size.
    """
    query_columns, key_columns = [], []
    for on_query, on_key in terms:
        for a, b in _exact_columns(on_query / scale, on_key, query.dtype):
            query_columns.append(a.expand(-1, -1, query.shape[2]))
            key_columns.append(b[:, None, :].expand(-1, key.shape[1], -1))
    width = -(-(key.shape[-1] + len(key_columns)) // multiple) * multiple
    wide_query = torch.cat([query, torch.stack(query_columns, dim=-1)], dim=-1)
    wide_key = torch.cat([key, torch.stack(key_columns, dim=-1)], dim=-1)
    wide_query, wide_key, value = (
        pad(tensor, (0, width - tensor.shape[-1])) for tensor in (wide_query, wide_key, value)
    )
    return wide_query, wide_key, value


def _exact_columns(a: Tensor, b: Tensor, dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
    """Split a product of float32 numbers into products of numbers of ``dtype``: one column, or high and low parts."""
    if dtype in (torch.float32, torch.float64):
        return [(a.to(dtype), b.to(dtype))]
    # Gain and nats are bounded only as a product: balanced, so that neither leaves the range of float16.
    size = b.abs().amax(dim=-1, keepdim=True)
    size = torch.where(size > 0, size, 1.0)
    a, b = a * size[..., None], b / size
    a_parts, b_parts = _high_low(a, dtype), _high_low(b, dtype)
    return [(left, right) for left in a_parts for right in b_parts]


def _high_low(number: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    high = number.to(dtype)
    return high, (number - high.to(number.dtype)).to(dtype)
