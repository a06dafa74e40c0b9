"""Launching the kernel: how many queries a program answers, and from which tensors."""

from __future__ import annotations

from dataclasses import dataclass

import triton
from torch import Tensor

from boldface.vllm.gpu import kernel
from boldface.vllm.gpu.rows import Bias

SMALLEST_BLOCK = 16
"""Rows and columns that Triton's matrix product wants at least."""

TILE = 32
"""Keys that a program loads at once."""


@dataclass(frozen=True)
class Parts:
    """Scratch for long caches and few queries: what the segments of the keys gave.

    Attributes:
        out: (tokens, heads, segments, head_dim rounded up to a power of two) float32.
        top: (tokens, heads, segments) float32, largest score.
        sum: (tokens, heads, segments) float32, sum of weights.
    """

    out: Tensor
    top: Tensor
    sum: Tensor

    @property
    def segments(self) -> int:
        """Parts that the keys are cut into, a power of two."""
        return self.out.shape[2]


@dataclass(frozen=True)
class Shape:
    """How the work is cut. Any choice is right; these were chosen so that registers suffice, and not by measurement.

    Attributes:
        block_q: Queries of one program.
        block_m: Rows of its matrix product: queries x heads of one key head, rounded up to a power of two.
        tile: Keys that a program loads at once.
        warps: Groups of 32 threads of a program.
    """

    block_q: int
    block_m: int
    tile: int
    warps: int


def shape_for(group: int, head_dim: int, element_size: int, longest_query: int) -> Shape:
    """Return how to cut a call.

    Args:
        group: Query heads of one key head.
        head_dim: Size of a head.
        element_size: Bytes of an element of the cache.
        longest_query: Queries of the row that has most.
    """
    most = 32 if head_dim > 128 or element_size > 2 else 64
    smallest = max(SMALLEST_BLOCK, triton.next_power_of_2(group))
    block_m = max(smallest, min(most, triton.next_power_of_2(group * longest_query)))
    return Shape(block_m // group, block_m, TILE, 8 if block_m * padded_size(head_dim) >= 8192 else 4)


def padded_size(head_dim: int) -> int:
    """Return the size of a head in the kernel: a power of two, and large enough for a matrix product."""
    return max(SMALLEST_BLOCK, int(triton.next_power_of_2(head_dim)))


def attend(
    query: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    block_table: Tensor,
    query_start: Tensor,
    seq_lens: Tensor,
    bias: Bias,
    out: Tensor,
    *,
    scale: float,
    longest_query: int,
    window: int | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
    parts: Parts | None = None,
) -> None:
    """Attend causally from the last tokens of every row to all of its keys, and write the answer to ``out``.

    Args:
        query: (tokens, heads, head_dim); rows one after the other.
        key_cache: (pages, page, kv_heads, head_dim), the last dimension dense.
        value_cache: Like it.
        block_table: (rows, pages of a row) int32.
        query_start: (rows + 1,) int32, first token of every row.
        seq_lens: (rows,) int32, keys of every row, its queries' own included.
        bias: What is added to the scores.
        out: (tokens, heads, head_dim).
        scale: Multiplies query x key.
        longest_query: Queries of the row that has most; decides on speed alone.
        window: Keys that a query sees, itself included; None for all.
        softcap: Scores are capped by ``softcap * tanh(score / softcap)`` before the bias.
        sinks: (heads,) learned sink scores.
        parts: Scratch; where it is given, and only then, keys are cut into segments.
    """
    tokens, heads, head_dim = query.shape
    rows, kv_heads = len(seq_lens), key_cache.shape[2]
    group = heads // kv_heads
    shape = shape_for(group, head_dim, key_cache.element_size(), longest_query)
    segments = 1 if parts is None else parts.segments
    padded = padded_size(head_dim)
    kernel.attend_to_pages[(tokens // shape.block_q + rows, kv_heads, segments)](
        out,
        query,
        key_cache,
        value_cache,
        block_table,
        query_start,
        seq_lens,
        sinks,
        bias.slot_of_row,
        bias.gains,
        bias.nats,
        bias.facts,
        bias.lift,
        None if parts is None else parts.out,
        None if parts is None else parts.top,
        None if parts is None else parts.sum,
        rows,
        heads,
        scale,
        softcap or 0.0,
        *out.stride()[:2],
        *query.stride()[:2],
        *key_cache.stride()[:3],
        *value_cache.stride()[:3],
        block_table.stride(0),
        bias.gains.stride(0),
        bias.nats.stride(0),
        HEAD=head_dim,
        HEAD_PADDED=padded,
        GROUP=group,
        PAGE=key_cache.shape[1],
        WINDOW=window or 0,
        CAPPED=softcap is not None,
        HAS_SINK=sinks is not None,
        BLOCK_Q=shape.block_q,
        BLOCK_M=shape.block_m,
        TILE=shape.tile,
        SEGMENTS=segments,
        num_warps=shape.warps,
    )
    if parts is not None:
        kernel.join_segments[(tokens, heads)](
            out,
            parts.out,
            parts.top,
            parts.sum,
            query_start,
            sinks,
            rows,
            heads,
            *out.stride()[:2],
            HEAD=head_dim,
            HEAD_PADDED=padded,
            HAS_SINK=sinks is not None,
            SEGMENTS=segments,
        )
