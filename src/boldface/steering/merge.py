"""Merge attention over disjoint sets of keys by log-sum-exp, and read the mass that lands on each set."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def merge(parts: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Combine attention outputs over disjoint key sets into attention over their union.

    Args:
        parts: Pairs of output (batch, heads, query, value_dim) and log-sum-exp (batch, heads, query);
            a log-sum-exp of -inf says that the query sees no key of that set.

    Returns:
        Output and log-sum-exp of the union, shaped alike.
    """
    lse = torch.logsumexp(torch.stack([part for _, part in parts]), dim=0)
    floor = torch.where(lse == -torch.inf, torch.zeros_like(lse), lse)
    output = torch.stack([out * torch.exp(part - floor)[..., None] for out, part in parts]).sum(0)
    return output.to(parts[0][0].dtype), lse


def mass(part: Tensor, whole: Tensor) -> Tensor:
    """Return the share of attention that lands on a key set, from log-sum-exps: (batch, heads, query)."""
    return torch.nan_to_num(torch.exp(part - whole))


def drain_into_sink(output: Tensor, lse: Tensor, sinks: Tensor) -> tuple[Tensor, Tensor]:
    """Let every head's learned sink take its share: the sink joins the softmax with bias 0 and value 0.

    Args:
        output: (batch, heads, query, value_dim) without the sink.
        lse: (batch, heads, query) without the sink.
        sinks: (heads,) sink scores.
    """
    sink = sinks.to(lse)[None, :, None]
    return output * torch.sigmoid(lse - sink)[..., None].to(output.dtype), torch.logaddexp(lse, sink)
