"""Route ``fused``: one bias row per head, broadcast inside the kernel beside its causal flag.

Queries before the first emphasised token need no steering (prefix law), so a long prompt is cut there: the queries
before run plain; the queries after attend to the keys before (no bias) and after (bias) apart, merged by log-sum-exp.
So do queries behind a cache: to the keys in it, which all of them see, and to their own with the causal flag.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from boldface.attention import masks
from boldface.attention.call import Call
from boldface.steering.attend import attend, kernel
from boldface.steering.attend import why_not as why_no_kernel
from boldface.steering.merge import drain_into_sink, merge

CUT_FROM = 2048
"""Queries before the emphasis from which cutting pays: at 460 it cost 3 % more, see benchmarks/steering_cost.py."""

IDLE = 32
"""Keys in front of the queries, squared, for every query, up to which one call with as many idle queries in front is
faster than two calls that are merged: 24 before 515 took 4.5 ms instead of 5.4, 240 before 305 took 4.6 instead of 3.3.
"""


def why_not(call: Call) -> str | None:
    """Return why the call cannot be answered exactly, or None."""
    if call.softcap is not None:
        return "scores are soft-capped, and the bias comes after the cap."
    if call.mask is not None and call.queries > 1 and not call.appends:
        return "a mask beside the causal flag needs a bias of query x key; use folded or sdpa."
    if call.changes_level:
        return "the level of the queries changes inside this call; use folded or sdpa."
    if call.needs_query_axis and not call.plan.one_start:
        return "rows start being steered at different queries; use folded or sdpa."
    if call.windowed and call.needs_query_axis:
        return "the emphasis may leave the window inside this call; use folded or sdpa."
    if call.plan.gains[call.layer].requires_grad:
        return "the kernel gives no gradient to the bias; use folded."
    if call.sinks is not None or call.needs_query_axis or call.appends:
        refusal = masks.why_merge(call)
        if refusal:
            return refusal
    return masks.why_not_dense(call) or masks.why_dropout(call) or why_no_kernel(call.query, call.value)


def run(call: Call) -> Tensor:
    """Answer the call: (batch, heads, query, value_dim)."""
    if call.queries == 1:
        bias = call.row_bias()
        if call.mask is not None:
            bias = torch.where(call.visible(), bias + call.offset(), -torch.inf)
        return _drained(call, *attend(call.query, call.key, call.value, scale=call.scaling, bias=bias))
    if call.appends:
        return _drained(call, *_behind_cache(call))
    n = call.queries
    key, value = call.key[:, :, :n], call.value[:, :, :n]
    bias = call.row_bias()[..., :n]
    cut = min(call.plan.earliest_start, n)
    if not call.plan.by_query and (cut < CUT_FROM or masks.why_merge(call)):
        return _drained(call, *attend(call.query, key, value, scale=call.scaling, causal=True, bias=bias))
    if cut == 0:  # the kernel dies of no queries: a division by zero that ends the process
        return _drained(call, *_suffix(call, key, value, bias, cut))
    before = attend(call.query[:, :, :cut], key[:, :, :cut], value[:, :, :cut], scale=call.scaling, causal=True)
    if cut == n:
        return _drained(call, *before)
    return _drained(call, *_joined(before, _suffix(call, key, value, bias, cut)))


def _joined(before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Put the queries one after the other, as the kernel lays them out: query before head, so no copy follows."""
    outputs = [output.transpose(1, 2) for output, _ in (before, after)]
    return torch.cat(outputs, dim=1).transpose(1, 2), torch.cat([before[1], after[1]], dim=2)


def is_simple(call: Call) -> bool:
    """True when further single queries without a mask can be answered by :func:`decode` alone."""
    varies = call.plan.by_query or call.windowed or call.key_start > 0 or call.sinks is not None
    return call.queries == 1 and call.mask is None and not varies and call.key.shape[-1] == call.value.shape[-1]


def decode(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, scaling: float | None) -> Tensor:
    """Answer a single query with next to no Python around the kernel: (batch, 1, heads, value_dim)."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return kernel(query.device.type)(query, key, value, scale, False, bias)[0].transpose(1, 2)


def _suffix(call: Call, key: Tensor, value: Tensor, bias: Tensor, cut: int) -> tuple[Tensor, Tensor]:
    """Attend from the queries ``[cut, n)``: to the keys before the cut without, after it with the causal flag."""
    before = bias[..., :cut] if call.plan.by_query else None
    return _apart(call, call.query[:, :, cut:], key, value, before, bias[..., cut:])


def _behind_cache(call: Call) -> tuple[Tensor, Tensor]:
    """Attend from queries behind a cache; under scope ``answer`` those before the last prompt token go unsteered."""
    plan, queries, cached = call.plan, call.queries, call.keys - call.queries
    cut = min(max(plan.earliest_start - cached, 0), queries) if plan.by_query else 0
    parts = []
    if cut:
        key, value = call.key[:, :, : cached + cut], call.value[:, :, : cached + cut]
        parts.append(_apart(call, call.query[:, :, :cut], key, value, None, None))
    if cut < queries:
        first, bias = cached + cut, call.row_bias()
        before = None if plan.earliest_start >= first and not plan.by_query else bias[..., :first]
        parts.append(_apart(call, call.query[:, :, cut:], call.key, call.value, before, bias[..., first:]))
    return parts[0] if len(parts) == 1 else _joined(*parts)


def _apart(
    call: Call,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    before: Tensor | None,
    after: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Attend from queries to the keys in front of them, and with the causal flag to their own, merged.

    Args:
        call: The call.
        query: The last queries of ``key``, (batch, heads, query, head_dim).
        key: All keys that they see.
        value: Their values.
        before: Bias of the keys in front of the queries.
        after: Bias of the queries' own keys.
    """
    first = key.shape[2] - query.shape[2]
    if first * first <= IDLE * query.shape[2]:
        return _in_one_call(call, query, key, value, before, after)
    own = attend(query, key[:, :, first:], value[:, :, first:], scale=call.scaling, causal=True, bias=after)
    return merge([own, attend(query, key[:, :, :first], value[:, :, :first], scale=call.scaling, bias=before)])


def _in_one_call(
    call: Call, query: Tensor, key: Tensor, value: Tensor, before: Tensor | None, after: Tensor | None
) -> tuple[Tensor, Tensor]:
    """As :func:`_apart`: queries of zeros in front of the others put the causal flag where it belongs."""
    first = key.shape[2] - query.shape[2]
    if after is not None:
        after = pad(after, (first, 0)) if before is None else torch.cat((before, after), dim=-1)
    output, lse = attend(pad(query, (0, 0, first, 0)), key, value, scale=call.scaling, causal=True, bias=after)
    return output[:, :, first:], lse[:, :, first:]


def _drained(call: Call, output: Tensor, lse: Tensor) -> Tensor:
    return output if call.sinks is None else drain_into_sink(output, lse, call.sinks)[0]
