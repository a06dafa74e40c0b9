"""Triton kernels: the fold's columns behind queries, and behind keys on their way into the cache.

What the columns hold is said in :mod:`boldface.vllm.columns`, here computed on the device from the tables of
:mod:`boldface.vllm.gpu.rows`: prompt keys carry their balanced nats in two parts, twice, and generated ones two ones,
which meet the parts of gain and lift in the query. For FlashAttention, whose kernels know no bias.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call"
# Triton reads the annotations of its kernels: a parameter without one is a pointer or a number known at the launch.

from __future__ import annotations

import triton
import triton.language as tl

from boldface.vllm.gpu.kernel import FACTS, LAST, PROMPT, START


@triton.jit
def row_of_token(query_start, rows, token):
    """Return the request that a token belongs to."""
    low = 0
    high = rows - 1
    while low < high:
        middle = (low + high + 1) // 2
        begins = tl.load(query_start + middle) <= token
        low = tl.where(begins, middle, low)
        high = tl.where(begins, high, middle - 1)
    return low


@triton.jit(do_not_specialize=["rows"])
def widen_queries(
    wide,  # (tokens, heads, HEAD + columns), zero behind what is written here
    query,  # (tokens, heads, HEAD)
    query_start,  # (rows + 1)
    seq_lens,  # (rows)
    slot_of_row,  # (rows)
    gains,  # (slots, heads)
    facts,  # (slots, FACTS)
    lift,  # (slots)
    rows,
    heads,
    scale,
    wide_token,  # strides, in elements
    wide_head,
    query_token,
    query_head,
    gains_slot,
    HEAD: tl.constexpr,
    HEAD_PADDED: tl.constexpr,
    HEADS_PADDED: tl.constexpr,
    WINDOW: tl.constexpr,
):
    """Copy the queries of one token, and write what their heads add to the score of a key."""
    token = tl.program_id(0).to(tl.int64)
    if token >= tl.load(query_start + rows):
        return
    row = row_of_token(query_start, rows, token)
    position = tl.load(seq_lens + row) - tl.load(query_start + row + 1) + token
    slot = tl.load(slot_of_row + row).to(tl.int64)
    head = tl.arange(0, HEADS_PADDED)
    there = head < heads
    column = tl.arange(0, HEAD_PADDED)
    inside = there[:, None] & (column < HEAD)[None, :]
    numbers = tl.load(query + token * query_token + head[:, None] * query_head + column[None, :], mask=inside, other=0)
    target = wide + token * wide_token + head * wide_head
    tl.store(target[:, None] + column[None, :], numbers, mask=inside)

    gain = tl.load(gains + slot * gains_slot + head, mask=there, other=0.0)
    gain = tl.where(position >= tl.load(facts + slot * FACTS + START), gain, 0.0)
    lifted = tl.maximum(gain, 0.0) * tl.load(lift + slot) / scale
    if WINDOW > 0:
        lifted = tl.where(tl.load(facts + slot * FACTS + LAST) > position - WINDOW, lifted, 0.0)
    gain = gain / scale
    high = gain.to(numbers.dtype)
    low = (gain - high.to(tl.float32)).to(numbers.dtype)
    tl.store(target + HEAD, high, mask=there)
    tl.store(target + HEAD + 1, high, mask=there)
    tl.store(target + HEAD + 2, low, mask=there)
    tl.store(target + HEAD + 3, low, mask=there)
    high = lifted.to(numbers.dtype)
    tl.store(target + HEAD + 4, high, mask=there)
    tl.store(target + HEAD + 5, (lifted - high.to(tl.float32)).to(numbers.dtype), mask=there)


@triton.jit(do_not_specialize=["rows"])
def write_pages(
    cache,  # (pages, kv_heads, page, KEY + VALUE)
    key,  # (tokens, kv_heads, HEAD)
    value,  # (tokens, kv_heads, HEAD)
    slot_mapping,  # (tokens), place in the cache, negative for none
    query_start,  # (rows + 1)
    seq_lens,  # (rows)
    slot_of_row,  # (rows)
    nats,  # (slots, positions)
    facts,  # (slots, FACTS)
    lift,  # (slots)
    rows,
    kv_heads,
    cache_page,  # strides, in elements
    cache_head,
    cache_slot,
    key_token,
    key_head,
    value_token,
    value_head,
    nats_slot,
    HEAD: tl.constexpr,
    KEY: tl.constexpr,
    VALUE: tl.constexpr,
    WIDTH_PADDED: tl.constexpr,
    HEADS_PADDED: tl.constexpr,
    PAGE: tl.constexpr,
):
    """Write key and value of one token into its page, with what its place adds to a score."""
    token = tl.program_id(0).to(tl.int64)
    place = tl.load(slot_mapping + token)
    if (place < 0) | (token >= tl.load(query_start + rows)):
        return
    row = row_of_token(query_start, rows, token)
    position = tl.load(seq_lens + row) - tl.load(query_start + row + 1) + token
    slot = tl.load(slot_of_row + row).to(tl.int64)
    in_prompt = position < tl.load(facts + slot * FACTS + PROMPT)
    strength = tl.load(nats + slot * nats_slot + tl.where(in_prompt, position, 0))
    strength = tl.where(in_prompt, strength, 0.0)
    ones = tl.where(in_prompt | (tl.load(lift + slot) <= 0), 0.0, 1.0)

    head = tl.arange(0, HEADS_PADDED)
    there = (head < kv_heads)[:, None]
    column = tl.arange(0, WIDTH_PADDED)[None, :]
    numbers = tl.load(
        key + token * key_token + head[:, None] * key_head + column, mask=there & (column < HEAD), other=0.0
    )
    high = strength.to(numbers.dtype).to(tl.float32)
    extra = column - HEAD
    added = tl.where((extra == 0) | (extra == 2), high, 0.0)
    added = tl.where((extra == 1) | (extra == 3), strength - high, added)
    added = tl.where((extra == 4) | (extra == 5), ones, added)
    numbers = tl.where(extra >= 0, added.to(numbers.dtype), numbers)
    target = cache + (place // PAGE) * cache_page + (place % PAGE) * cache_slot + head[:, None] * cache_head
    tl.store(target + column, numbers, mask=there & (column < KEY))
    numbers = tl.load(
        value + token * value_token + head[:, None] * value_head + column, mask=there & (column < HEAD), other=0.0
    )
    tl.store(target + KEY + column, numbers, mask=there & (column < VALUE))
