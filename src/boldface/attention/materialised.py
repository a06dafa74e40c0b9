"""Route ``reference``: the oracle inside a model, in float64, with the probabilities in full."""

from __future__ import annotations

import torch
from torch import Tensor

from boldface.attention import masks
from boldface.attention.call import Call
from boldface.steering import reference


def why_not(call: Call) -> str | None:
    """Return why the call cannot be answered, or None."""
    return masks.why_not_dense(call) or masks.why_dropout(call)


def run(call: Call) -> Tensor:
    """Answer the call by the papers' formulas: (batch, heads, query, value_dim)."""
    return _answer(call, steered=True)[0].to(call.query.dtype)


def weights(call: Call, *, steered: bool) -> Tensor:
    """Return the probabilities in full, with the bias or without: (batch, heads, query, key) float64.

    They sum to 1 over the keys, less what a head's sink takes.
    """
    return _answer(call, steered=steered)[1]


def _answer(call: Call, *, steered: bool) -> tuple[Tensor, Tensor]:
    visible, queries, keys = call.visible(), call.query_columns(), call.key_columns()
    plain = torch.where(visible, call.offset(), 0.0).double()
    if not steered:
        return _attend(call, visible, plain)
    bias = reference.bias(call.plan, call.layer, queries, keys, visible)
    if call.plan.share is not None:
        _, weights = _attend(call, visible, plain)
        bias = bias + reference.raising(call.plan, call.layer, queries, keys, weights)
    level = 1.0 if call.level is None else call.level[:, None, :, None].double()
    if call.plan.target is not None:
        lowered = reference.lowering(call.plan, call.layer, bias)
        _, weights = _attend(call, visible, plain + level * lowered)
        sink = torch.zeros_like(weights[..., 0]) if call.sinks is None else 1 - weights.sum(-1)
        bias = reference.reaching(call.plan, call.layer, keys, bias, weights, sink)
    return _attend(call, visible, plain + level * bias)


def _attend(call: Call, visible: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    return reference.attend(
        call.query,
        call.key,
        call.value,
        visible,
        bias,
        scale=call.scaling,
        softcap=call.softcap,
        sinks=call.sinks,
    )
