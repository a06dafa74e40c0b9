"""Triton kernels: attention over a paged cache with the bias of every request as a term of the score.

The bias is a sum of two products of a number of the query's head and a number of the key, so a program loads one number
a query head, and one a key. Cache, block table and everything else of vLLM stay as they are. Every request reads its
own row of the tables, found by its slot; slot 0 is plain, and no load depends on what the host knows: the launch is the
same whatever is steered, so that a captured CUDA graph can be replayed over other contents.

Scores are kept in powers of two, because a GPU has that exponential. A program answers ``BLOCK_Q`` queries of one
request for the ``GROUP`` query heads of one key head, over one of ``SEGMENTS`` parts of the keys; more than one part is
for single queries over long caches, and :func:`join_segments` puts the parts together.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call"
# Triton reads the annotations of its kernels: a parameter without one is a pointer or a number known at the launch.

from __future__ import annotations

import triton
import triton.language as tl

LOG2E: tl.constexpr = tl.constexpr(1.4426950408889634)

PROMPT: tl.constexpr = tl.constexpr(0)
START: tl.constexpr = tl.constexpr(1)
LAST: tl.constexpr = tl.constexpr(2)
FACTS: tl.constexpr = tl.constexpr(3)
"""Columns of the table of facts, and their number; see :mod:`boldface.vllm.gpu.rows`."""


@triton.jit
def row_of_block(query_start, rows, block, BLOCK_Q: tl.constexpr):
    """Return the request that a block of queries belongs to.

    Request r has the blocks from ``query_start[r] // BLOCK_Q + r`` on: one more than it can need, so that the grid is
    known without the lengths.
    """
    low = 0
    high = rows - 1
    while low < high:
        middle = (low + high + 1) // 2
        begins = tl.load(query_start + middle) // BLOCK_Q + middle <= block
        low = tl.where(begins, middle, low)
        high = tl.where(begins, high, middle - 1)
    return low


@triton.jit(do_not_specialize=["rows"])
def attend_to_pages(
    out,  # (tokens, heads, head_dim)
    query,  # (tokens, heads, head_dim)
    key_cache,  # (pages, page, kv_heads, head_dim)
    value_cache,  # (pages, page, kv_heads, head_dim)
    block_table,  # (rows, pages of a row)
    query_start,  # (rows + 1), first token of every row
    seq_lens,  # (rows), keys of every row
    sinks,  # (heads), or None
    slot_of_row,  # (rows)
    gains,  # (slots, heads)
    nats,  # (slots, positions)
    facts,  # (slots, FACTS)
    lift,  # (slots)
    part_out,  # (tokens, heads, SEGMENTS, HEAD_PADDED), or None
    part_top,  # (tokens, heads, SEGMENTS), or None
    part_sum,  # (tokens, heads, SEGMENTS), or None
    rows,
    heads,
    scale,
    softcap,
    out_token,  # strides, in elements
    out_head,
    query_token,
    query_head,
    key_page,
    key_slot,
    key_head,
    value_page,
    value_slot,
    value_head,
    table_row,
    gains_slot,
    nats_slot,
    HEAD: tl.constexpr,
    HEAD_PADDED: tl.constexpr,
    GROUP: tl.constexpr,
    PAGE: tl.constexpr,
    WINDOW: tl.constexpr,
    CAPPED: tl.constexpr,
    HAS_SINK: tl.constexpr,
    BLOCK_Q: tl.constexpr,
    BLOCK_M: tl.constexpr,
    TILE: tl.constexpr,
    SEGMENTS: tl.constexpr,
):
    """Attend from one block of queries to one segment of their keys."""
    block, kv_head, segment = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    row = row_of_block(query_start, rows, block, BLOCK_Q)
    first_token = tl.load(query_start + row)
    queries = tl.load(query_start + row + 1) - first_token
    first_query = (block - first_token // BLOCK_Q - row) * BLOCK_Q
    if first_query >= queries:
        return
    seq_len = tl.load(seq_lens + row)
    before = seq_len - queries

    lane = tl.arange(0, BLOCK_M)
    query_index = first_query + lane // GROUP
    head = kv_head * GROUP + lane % GROUP
    real = (lane < BLOCK_Q * GROUP) & (query_index < queries)
    position = before + query_index
    column = tl.arange(0, HEAD_PADDED)
    in_head = column < HEAD
    token = (first_token + query_index).to(tl.int64)
    asked = tl.load(
        query + token[:, None] * query_token + head[:, None] * query_head + column[None, :],
        mask=real[:, None] & in_head[None, :],
        other=0.0,
    )

    slot = tl.load(slot_of_row + row).to(tl.int64)
    prompt = tl.load(facts + slot * FACTS + PROMPT)
    active = real & (position >= tl.load(facts + slot * FACTS + START))
    on_prompt = tl.load(gains + slot * gains_slot + head, mask=active, other=0.0) * LOG2E
    on_generated = tl.maximum(on_prompt, 0.0) * tl.load(lift + slot)

    # Keys outside of the union of what this block's queries see are not touched: behind a window their pages may be
    # others' by now, and past the end they may hold anything.
    key_stop = tl.minimum(before + first_query + BLOCK_Q, seq_len)
    key_start = 0
    if WINDOW > 0:
        key_start = tl.maximum(before + first_query - WINDOW + 1, 0)
        on_generated = tl.where(tl.load(facts + slot * FACTS + LAST) > position - WINDOW, on_generated, 0.0)
    tile = key_start // TILE
    tile_stop = (key_stop + TILE - 1) // TILE
    if SEGMENTS > 1:
        share = (tile_stop - tile + SEGMENTS - 1) // SEGMENTS
        tile += segment * share
        tile_stop = tl.minimum(tile + share, tile_stop)

    top = tl.full([BLOCK_M], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    answer = tl.zeros([BLOCK_M, HEAD_PADDED], tl.float32)
    for index in range(tile, tile_stop):
        key = index * TILE + tl.arange(0, TILE)
        there = (key >= key_start) & (key < key_stop)
        page = tl.load(block_table + row.to(tl.int64) * table_row + key // PAGE, mask=there, other=0).to(tl.int64)
        keys = tl.load(
            key_cache + (page * key_page + (key % PAGE) * key_slot + kv_head * key_head)[None, :] + column[:, None],
            mask=there[None, :] & in_head[:, None],
            other=0.0,
        )
        scores = tl.dot(asked, keys.to(asked.dtype), input_precision="ieee") * scale
        if CAPPED:  # softcap x tanh(scores / softcap)
            scores = softcap * (1.0 - 2.0 / (tl.exp(scores * (2.0 / softcap)) + 1.0))
        strength = tl.load(nats + slot * nats_slot + key, mask=there & (key < prompt), other=0.0)
        generated = (key >= prompt).to(tl.float32)
        scores = scores * LOG2E + on_prompt[:, None] * strength[None, :] + on_generated[:, None] * generated[None, :]
        visible = real[:, None] & there[None, :] & (key[None, :] <= position[:, None])
        if WINDOW > 0:
            visible = visible & (key[None, :] > position[:, None] - WINDOW)
        scores = tl.where(visible, scores, float("-inf"))

        higher = tl.maximum(top, tl.max(scores, axis=1))
        level = tl.where(higher == float("-inf"), 0.0, higher)
        weights = tl.exp2(scores - level[:, None])
        shrink = tl.exp2(top - level)
        total = total * shrink + tl.sum(weights, axis=1)
        top = higher
        values = tl.load(
            value_cache
            + (page * value_page + (key % PAGE) * value_slot + kv_head * value_head)[:, None]
            + column[None, :],
            mask=there[:, None] & in_head[None, :],
            other=0.0,
        )
        answer = answer * shrink[:, None]
        answer += tl.dot(weights.to(asked.dtype), values.to(asked.dtype), input_precision="ieee")

    if SEGMENTS > 1:
        part = (token * heads + head) * SEGMENTS + segment
        tl.store(part_top + part, top, mask=real)
        tl.store(part_sum + part, total, mask=real)
        found = real & (top > float("-inf"))
        tl.store(part_out + part[:, None] * HEAD_PADDED + column[None, :], answer, mask=found[:, None])
    else:
        if HAS_SINK:
            sink = tl.load(sinks + head, mask=real, other=0.0).to(tl.float32) * LOG2E
            higher = tl.maximum(top, sink)
            shrink = tl.exp2(top - higher)
            total = total * shrink + tl.exp2(sink - higher)
            answer = answer * shrink[:, None]
        answer = answer / total[:, None]
        tl.store(
            out + token[:, None] * out_token + head[:, None] * out_head + column[None, :],
            answer.to(out.dtype.element_ty),
            mask=real[:, None] & in_head[None, :],
        )


@triton.jit(do_not_specialize=["rows"])
def join_segments(
    out,  # (tokens, heads, head_dim)
    part_out,  # (tokens, heads, SEGMENTS, HEAD_PADDED)
    part_top,  # (tokens, heads, SEGMENTS)
    part_sum,  # (tokens, heads, SEGMENTS)
    query_start,  # (rows + 1)
    sinks,  # (heads), or None
    rows,
    heads,
    out_token,
    out_head,
    HEAD: tl.constexpr,
    HEAD_PADDED: tl.constexpr,
    HAS_SINK: tl.constexpr,
    SEGMENTS: tl.constexpr,
):
    """Merge the segments of one query head of one token by their log-sum-exp."""
    token, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    if token >= tl.load(query_start + rows):  # a captured graph has room for more tokens than there are
        return
    part = (token * heads + head) * SEGMENTS + tl.arange(0, SEGMENTS)
    column = tl.arange(0, HEAD_PADDED)
    tops = tl.load(part_top + part)
    top = tl.max(tops, axis=0)
    total = 0.0
    if HAS_SINK:
        sink = tl.load(sinks + head).to(tl.float32) * LOG2E
        top = tl.maximum(top, sink)
        total = tl.exp2(sink - top)
    shares = tl.exp2(tops - top)
    total += tl.sum(tl.load(part_sum + part) * shares, axis=0)
    parts = tl.load(
        part_out + part[:, None] * HEAD_PADDED + column[None, :], mask=(tops > float("-inf"))[:, None], other=0.0
    )
    answer = tl.sum(parts * shares[:, None], axis=0) / total
    tl.store(out + token * out_token + head * out_head + column, answer.to(out.dtype.element_ty), mask=column < HEAD)
