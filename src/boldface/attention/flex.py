"""Route ``flex``: FlexAttention with a score_mod that reads gain and nats. Compiled on CUDA, plain torch elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import AuxRequest, BlockMask, flex_attention

from boldface.attention import masks
from boldface.attention.call import Call
from boldface.steering.merge import drain_into_sink


def why_not(call: Call) -> str | None:
    """Return why the call cannot be answered exactly, or None."""
    if call.needs_gradient and call.query.device.type == "cpu":
        return "FlexAttention gives no gradients on the CPU."
    if isinstance(call.mask, BlockMask) and call.options.get("position_bias") is None:
        return masks.why_dropout(call)
    return masks.why_not_dense(call) or masks.why_dropout(call)


def run(call: Call) -> Tensor:
    """Answer the call with FlexAttention: (batch, heads, query, value_dim)."""
    groups = call.query.shape[1] // call.key.shape[1]
    key, value = call.key, call.value
    if groups & (groups - 1):
        # FlexAttention packs query heads of a group into powers of two.
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    output, aux = _kernel(call.query.device.type)(
        call.query,
        key,
        value,
        score_mod=_score_mod(call),
        block_mask=call.mask if isinstance(call.mask, BlockMask) else None,
        enable_gqa=call.query.shape[1] != key.shape[1],
        scale=call.scaling,
        return_aux=AuxRequest(lse=True),
    )
    return output if call.sinks is None else drain_into_sink(output, aux.lse, call.sinks)[0]


def _score_mod(call: Call) -> Callable[..., Tensor]:
    softcap = call.softcap
    visible = None if isinstance(call.mask, BlockMask) else call.visible().expand(*call.query.shape[:2], -1, -1)
    offset = call.offset()
    added = offset.expand(*call.query.shape[:2], -1, -1) if isinstance(offset, Tensor) else None
    terms = [(on_query.expand(-1, -1, call.queries), on_key) for on_query, on_key in call.bias_terms()]
    if len(terms) == 1:
        terms.append((torch.zeros_like(terms[0][0]), torch.zeros_like(terms[0][1])))
    (on_query, nats), (lifted, lift) = terms

    def score_mod(score: Tensor, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        if softcap is not None:
            score = softcap * torch.tanh(score / softcap)
        score = score + on_query[batch, head, query] * nats[batch, key] + lifted[batch, head, query] * lift[batch, key]
        if visible is None:
            return score
        if added is not None:
            score = score + added[batch, head, query, key]
        return torch.where(visible[batch, head, query, key], score, -torch.inf)

    return score_mod


@functools.cache
def _kernel(device: str) -> Callable[..., Any]:
    kernel: Callable[..., Any] = flex_attention
    return torch.compile(kernel, dynamic=True) if device == "cuda" else kernel
