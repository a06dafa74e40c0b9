"""Route ``split``: attend to emphasised, generated and other keys apart and merge by log-sum-exp.

Costs several kernel calls, and in return knows exactly how much attention lands on each part, steered and unsteered.
"""

from __future__ import annotations

import torch
from torch import Tensor

from boldface.attention import masks
from boldface.attention.call import Call, Mass
from boldface.steering.attend import attend
from boldface.steering.attend import why_not as why_no_kernel
from boldface.steering.merge import drain_into_sink, mass, merge


def why_not(call: Call) -> str | None:
    """Return why the call cannot be answered exactly, or None."""
    if call.softcap is not None:
        return "scores are soft-capped, and the bias comes after the cap."
    return masks.why_not_dense(call) or masks.why_dropout(call) or why_no_kernel(call.query, call.value)


def run(call: Call) -> Tensor:
    """Answer the call part by part, telling the masses to ``call.record``: (batch, heads, query, value_dim)."""
    terms = call.bias_terms()
    (on_query, nats), generated = terms[0], call.key_columns() >= call.plan.width
    emphasised = nats != 0
    bias = on_query[..., None] * nats[:, None, None, :]
    heard = _part(call, emphasised, bias)
    before_heard = _part(call, emphasised, None)[1] if call.record else heard[1]
    others = _part(call, ~emphasised & ~generated, None)
    parts, before = [heard, others], [before_heard, None, others[1]]
    if len(terms) > 1:
        output, lse = _part(call, generated[None, :], None)
        parts.insert(1, (output, lse + terms[1][0] * call.plan.lift[:, None, None]))
        before[1] = lse
    output, lse = merge(parts)
    if call.sinks is not None:
        output, lse = drain_into_sink(output, lse, call.sinks)
    if call.record:
        call.record(_masses(call, before, [part for _, part in parts], lse))
    return output


def _part(call: Call, part: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Attend to the keys of one part, (batch or 1, key) bool; the log-sum-exp is -inf where a query sees none."""
    seen = call.visible() & part[:, None, None, :]
    hidden = torch.where(seen, 0.0 if bias is None else bias, -torch.inf)
    output, lse = attend(call.query, call.key, call.value, scale=call.scaling, bias=hidden)
    nothing = ~seen.any(-1)  # (batch or 1, 1, query)
    return output.masked_fill(nothing[..., None], 0.0), lse.masked_fill(nothing, -torch.inf)


def _masses(call: Call, before: list[Tensor | None], after: list[Tensor], after_whole: Tensor) -> Mass:
    if before[1] is None:
        before[1] = torch.full_like(after[0], -torch.inf)
        after = [after[0], before[1], after[1]]
    known = [part for part in before if part is not None]
    whole = torch.logsumexp(torch.stack(known), dim=0)
    if call.sinks is not None:
        whole = torch.logaddexp(whole, call.sinks.to(whole)[None, :, None])
    shares_before = torch.stack([mass(part, whole) for part in known])
    shares_after = torch.stack([mass(part, after_whole) for part in after])
    return Mass(call.layer, shares_before, shares_after)
