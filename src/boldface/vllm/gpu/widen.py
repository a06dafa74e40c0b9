"""Launching the kernels of the fold: from the tables to widened queries, and to pages of widened keys and values."""

from __future__ import annotations

from typing import Protocol

import triton
from torch import Tensor

from boldface.vllm.gpu import fold
from boldface.vllm.gpu.flash_room import Room
from boldface.vllm.gpu.rows import Bias


class Step(Protocol):
    """What vLLM's metadata of every backend says of the step.

    Attributes:
        query_start_loc: (rows + 1,) int32, first token of every row.
        seq_lens: (rows,) int32, keys of every row.
    """

    query_start_loc: Tensor
    seq_lens: Tensor


def widen_queries(bias: Bias, query: Tensor, wide: Tensor, step: Step, scale: float, window: int) -> None:
    """Copy queries into widened ones, with their columns.

    Args:
        bias: The tables.
        query: (tokens, heads, head_dim).
        wide: (tokens or more, heads, widened); columns behind the fold's stay as they are.
        step: The step at hand.
        scale: What the kernel multiplies scores with.
        window: Keys that a query sees, itself included; 0 for all.
    """
    tokens, heads, size = query.shape
    fold.widen_queries[(tokens,)](
        wide,
        query,
        step.query_start_loc,
        step.seq_lens,
        bias.slot_of_row,
        bias.gains,
        bias.facts,
        bias.lift,
        len(step.seq_lens),
        heads,
        scale,
        *wide.stride()[:2],
        *query.stride()[:2],
        bias.gains.stride(0),
        HEAD=size,
        HEAD_PADDED=triton.next_power_of_2(size),
        HEADS_PADDED=triton.next_power_of_2(heads),
        WINDOW=window,
    )


def write_pages(
    bias: Bias, key: Tensor, value: Tensor, cache: Tensor, slot_mapping: Tensor, step: Step, wide: Room
) -> None:
    """Write keys and values into their pages, with the columns of their places.

    Args:
        bias: The tables.
        key: (tokens, kv_heads, head_dim).
        value: Like it.
        cache: (pages, kv_heads, page, widened key + widened value).
        slot_mapping: (tokens,) places in the cache, negative for none.
        step: The step at hand.
        wide: The widened sizes.
    """
    kv_heads, size = key.shape[1:]
    fold.write_pages[(len(slot_mapping),)](
        cache,
        key,
        value,
        slot_mapping,
        step.query_start_loc,
        step.seq_lens,
        bias.slot_of_row,
        bias.nats,
        bias.facts,
        bias.lift,
        len(step.seq_lens),
        kv_heads,
        *cache.stride()[:3],
        *key.stride()[:2],
        *value.stride()[:2],
        bias.nats.stride(0),
        HEAD=size,
        KEY=wide.key,
        VALUE=wide.value,
        WIDTH_PADDED=triton.next_power_of_2(max(wide.key, wide.value)),
        HEADS_PADDED=triton.next_power_of_2(kv_heads),
        PAGE=cache.shape[2],
    )
