"""Try one layer before the engine serves: write a few tokens, attend, and compare with the formula.

Names and parameters may stay what they were while a kernel changes what it does; this notices.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from vllm import _custom_ops as ops
from vllm.v1.attention.backends import cpu_attn

from boldface.emphasis.span import TokenSpan
from boldface.errors import RouteError
from boldface.profiles.heads import HeadGains
from boldface.steering import reference
from boldface.steering.plan import Steering, build_plan
from boldface.vllm import wire
from boldface.vllm.cpu.augment import Buffers, Seat, width_for
from boldface.vllm.staging import Staging
from boldface.vllm.table import Table

_HINT = "boldface was made for vLLM 0.29 to 0.32. Leave BOLDFACE_VLLM unset to run without steering."
_PROMPT, _TOKENS = 3, 5
_SPANS = TokenSpan(0, 1, 3.0), TokenSpan(1, 2, -2.0)


def probe(layer: Any, block: int) -> None:
    """Let a layer of vLLM attend to three tokens of a steered prompt and two of its answer.

    Args:
        layer: vLLM's ``Attention``; it has not attended yet.
        block: Tokens of a page.

    Raises:
        RouteError: The answer is not the formula's, or there is none.
    """
    dtype, heads = layer.dtype, layer.num_heads
    shape = heads, layer.num_kv_heads, layer.head_size
    steering = Steering(_SPANS, HeadGains({(0, 0): 1.0, (0, heads - 1): -0.7}))
    table = Table(1, [0], [layer.impl.scale], range(heads), dtype)
    staging = Staging(table)
    counts = torch.tensor([_TOKENS]).numpy()
    staging.stage([wire.write(steering)], counts * 0 + _PROMPT, counts * 0, counts)
    dice = torch.Generator().manual_seed(0)
    counts_of = (heads, layer.num_kv_heads, layer.num_kv_heads)
    query, key, value = (torch.randn(_TOKENS, n, layer.head_size, generator=dice).to(dtype) for n in counts_of)
    seat, layer.impl.seat = layer.impl.seat, Seat(staging, 0, layer.sliding_window, Buffers(*shape, dtype))
    try:
        output = _attend(layer, block, query, key, value)
    except Exception as error:
        raise RouteError(f"vLLM's attention does not run on widened heads: {error}.", _HINT) from error
    finally:
        layer.impl.seat = seat
    off = float((output.double() - _formula(layer, steering, query, key, value)).abs().max())
    if not off < 32 * torch.finfo(dtype).eps * float(value.abs().max()) + 1e-5:
        raise RouteError(f"vLLM's attention is off by {off:.1e} on widened heads.", _HINT)


def _attend(layer: Any, block: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Write the tokens into the second of two pages, and attend."""
    width = width_for(layer.head_size, layer.dtype)
    window = -1 if layer.sliding_window is None else layer.sliding_window
    layer.isa = cpu_attn._get_attn_isa(layer.dtype, block, width, layer.kv_cache_dtype)
    starts, lengths = torch.tensor([0, _TOKENS], dtype=torch.int32), torch.tensor([_TOKENS], dtype=torch.int32)
    cache = torch.zeros(2, layer.num_kv_heads, block, 2 * width, dtype=layer.dtype)
    slots = torch.arange(block, block + _TOKENS)
    metadata = cpu_attn.CPUAttentionMetadata(
        num_actual_tokens=_TOKENS,
        max_query_len=_TOKENS,
        query_start_loc=starts,
        max_seq_len=_TOKENS,
        seq_lens=lengths,
        block_table=torch.tensor([[1]], dtype=torch.int32),
        slot_mapping=slots,
        scheduler_metadata=ops.cpu_attn_get_scheduler_metadata(
            num_reqs=1,
            num_heads=layer.num_heads,
            num_kv_heads=layer.num_kv_heads,
            head_dim=width,
            seq_lens=lengths,
            dtype=layer.dtype,
            query_start_loc=starts,
            causal=True,
            sliding_window_size=window,
            isa=layer.isa,
            enable_kv_split=False,
        ),
    )
    output = torch.zeros_like(query)
    layer.impl.do_kv_cache_update(layer, key, value, cache, slots)
    layer.impl.forward(layer, query, key, value, cache, metadata, output)
    return output


def _formula(layer: Any, steering: Steering, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    columns = torch.arange(_TOKENS)
    age = columns[:, None] - columns
    visible = ((age >= 0) & (age < (layer.sliding_window or _TOKENS)))[None, None]
    plan = build_plan([steering], [_PROMPT], {0: layer.num_heads})
    bias = reference.bias(plan, 0, columns, columns, visible)
    query, key, value = (tensor.transpose(0, 1)[None] for tensor in (query, key, value))
    output, _ = reference.attend(query, key, value, visible, bias, scale=layer.impl.scale, sinks=layer.impl.sinks)
    return output[0].transpose(0, 1)
