"""Route ``split``: attend to emphasised, generated and other keys apart and merge by log-sum-exp.

Costs several kernel calls, and in return knows exactly how much attention lands on each part, steered and unsteered:
what rule ``share`` needs before it can say its bias, which then only moves the log-sum-exp of the emphasised keys.
"""

from __future__ import annotations

import torch
from torch import Tensor

from boldface.attention import masks
from boldface.attention.call import Call, Mass
from boldface.steering.attend import attend
from boldface.steering.attend import why_not as why_no_kernel
from boldface.steering.merge import drain_into_sink, mass, merge
from boldface.steering.rules import nats_to_share


def why_not(call: Call) -> str | None:
    """Return why the call cannot be answered exactly, or None."""
    if call.softcap is not None:
        return "scores are soft-capped, and the bias comes after the cap."
    return (
        masks.why_merge(call)
        or masks.why_not_dense(call)
        or masks.why_dropout(call)
        or why_no_kernel(call.query, call.value)
    )


def run(call: Call) -> Tensor:
    """Answer the call part by part, telling the masses to ``call.record``: (batch, heads, query, value_dim)."""
    (on_query, nats), *lifting = call.bias_terms()
    share = _share(call)
    is_emphasised, is_generated = (nats != 0) | (share > 0), (call.key_columns() >= call.plan.width)[None, :]
    emphasised = _part(call, is_emphasised, on_query[..., None] * nats[:, None, None, :])
    other = _part(call, ~is_emphasised & ~is_generated, None)
    generated = torch.zeros_like(other[0]), torch.full_like(other[1], -torch.inf)
    lifted = generated
    for lifts, _ in lifting:
        generated = _part(call, is_generated, None)
        lifted = generated[0], generated[1] + lifts * call.plan.lift[:, None, None]
    if call.plan.share is not None:
        log_mass = emphasised[1] - _whole(call, [emphasised[1], generated[1], other[1]])
        raised = on_query * nats_to_share(log_mass, share.amax(-1)[:, None, None])
        emphasised = emphasised[0], emphasised[1] + raised
    output, lse = merge([emphasised, lifted, other])
    if call.sinks is not None:
        output, lse = drain_into_sink(output, lse, call.sinks)
    if call.record:
        before = [_part(call, is_emphasised, None)[1], generated[1], other[1]]
        call.record(_masses(call, before, [emphasised[1], lifted[1], other[1]], lse))
    return output


def _share(call: Call) -> Tensor:
    """Return the target share at the emphasised keys of rows of rule ``share``, 0 elsewhere: (batch or 1, key)."""
    if call.plan.share is None:
        return call.query.new_zeros(1, call.keys)
    share = call.plan.share[:, call.key_start : call.key_start + call.keys]
    return torch.nn.functional.pad(share, (0, call.keys - share.shape[1]))


def _part(call: Call, part: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Attend to the keys of one part, (batch or 1, key) bool; the log-sum-exp is -inf where a query sees none."""
    seen = call.visible() & part[:, None, None, :]
    hidden = torch.where(seen, call.offset() + (0.0 if bias is None else bias), -torch.inf)
    output, lse = attend(call.query, call.key, call.value, scale=call.scaling, bias=hidden)
    nothing = ~seen.any(-1)  # (batch or 1, 1, query)
    return output.masked_fill(nothing[..., None], 0.0), lse.masked_fill(nothing, -torch.inf)


def _masses(call: Call, before: list[Tensor], after: list[Tensor], after_whole: Tensor) -> Mass:
    """Turn the log-sum-exps of emphasised, generated and other keys into shares."""
    before_whole = _whole(call, before)
    return Mass(
        call.layer,
        torch.stack([mass(part, before_whole) for part in before]),
        torch.stack([mass(part, after_whole) for part in after]),
    )


def _whole(call: Call, parts: list[Tensor]) -> Tensor:
    """Return the log-sum-exp over all keys, the head's sink included, from those of the parts."""
    whole = torch.logsumexp(torch.stack(parts), dim=0)
    return whole if call.sinks is None else torch.logaddexp(whole, call.sinks.to(whole)[None, :, None])
