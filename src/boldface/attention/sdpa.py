"""Route ``sdpa``: a float mask into torch's scaled_dot_product_attention. Any device; memory grows with the square."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from boldface.attention import masks
from boldface.attention.call import Call


def why_not(call: Call) -> str | None:
    """Return why the call cannot be answered exactly, or None."""
    if call.softcap is not None:
        return "scores are soft-capped, and the bias comes after the cap."
    return masks.why_not_dense(call) or masks.why_dropout(call)


def run(call: Call) -> Tensor:
    """Answer the call with one masked kernel: (batch, heads, query, value_dim)."""
    key, value, bias = call.key, call.value, call.dense_bias()
    if call.mask is not None:
        bias = torch.where(call.visible(), bias + call.offset(), -torch.inf)
    elif call.queries > 1:
        key, value = key[:, :, : call.queries], value[:, :, : call.queries]
        square = torch.ones(call.queries, call.queries, dtype=torch.bool, device=bias.device).tril()
        bias = torch.where(square, bias[..., : call.queries], -torch.inf)
    if call.sinks is not None:
        # The sink is one more key with score 0 and value 0, whose bias is the sink's score.
        sink = call.sinks.to(bias)[None, :, None, None].expand(*bias.shape[:1], -1, bias.shape[2], 1)
        bias = torch.cat([sink, bias], dim=-1)
        key, value = pad(key, (0, 0, 1, 0)), pad(value, (0, 0, 1, 0))
    # On the CPU 16-bit queries take a float32 bias, which spares it the rounding.
    dtype = torch.promote_types(bias.dtype, call.query.dtype) if bias.device.type == "cpu" else call.query.dtype
    return scaled_dot_product_attention(
        call.query,
        key,
        value,
        attn_mask=bias.to(dtype),
        scale=call.scaling,
        enable_gqa=call.query.shape[1] != key.shape[1],
    )
