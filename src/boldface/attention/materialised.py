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
    """Answer the call by the paper's formula: (batch, heads, query, value_dim)."""
    visible = call.visible()
    keys = call.key_columns()
    bias = reference.bias(call.plan, call.layer, call.query_columns(), keys, visible)
    bias = bias + torch.where(visible, call.offset(), 0.0)
    output, _ = reference.attend(
        call.query,
        call.key,
        call.value,
        visible,
        bias,
        scale=call.scaling,
        softcap=call.softcap,
        sinks=call.sinks,
    )
    return output.to(call.query.dtype)
