"""Route ``split``: attend to emphasised, generated and other keys apart and merge by log-sum-exp.

Costs several kernel calls, and in return knows exactly how much attention lands on each part, steered and unsteered:
what rule ``share`` and a target share need before they can say their bias, which then only moves the log-sum-exp of
the keys that they lift.
"""

from __future__ import annotations

import torch
from torch import Tensor

from boldface.attention import masks
from boldface.attention.apart import Apart, attend_apart
from boldface.attention.call import Call, Mass
from boldface.steering.attend import attend, kernel
from boldface.steering.attend import why_not as why_no_kernel
from boldface.steering.merge import drain_into_sink, mass, merge
from boldface.steering.rules import level_to_target, nats_to_share


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


def is_simple(call: Call) -> bool:
    """True when further single queries can be answered by :func:`decode`, which knows what is lifted beforehand."""
    varies = call.plan.by_query or call.windowed or call.key_start > 0 or call.sinks is not None
    mask = call.mask is None or (isinstance(call.mask, Tensor) and call.mask.ndim == 4 and call.mask.shape[1] == 1)
    only = call.is_apart and call.plan.share is None and not call.record
    return call.queries == 1 and only and mask and not varies and call.key.shape[-1] == call.value.shape[-1]


def decode(query: Tensor, key: Tensor, value: Tensor, apart: Apart, scaling: float | None) -> Tensor:
    """Answer a single query by two kernel calls: (batch, 1, heads, value_dim)."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    run = kernel(query.device.type)

    def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        return run(query, key, value, scale, False, bias)

    return attend_apart(attend, query, key, value, apart).transpose(1, 2)


def run(call: Call) -> Tensor:
    """Answer the call part by part, telling the masses to ``call.record``: (batch, heads, query, value_dim)."""
    (on_query, nats), *lifting = call.bias_terms()
    share, lowered = _share(call), nats.clamp(max=0)
    reaches = call.is_apart  # what is suppressed then belongs to the rest, beside which the share is
    is_emphasised = ((nats > 0) if reaches else (nats != 0)) | (share > 0)
    is_generated = (call.key_columns() >= call.plan.width)[None, :]
    is_other = ~is_emphasised & ~is_generated
    bias = on_query[..., None] * nats[:, None, None, :]
    emphasised = _part(call, is_emphasised, None if reaches else bias)
    suppresses = reaches and bool((nats < 0).any())
    other = _part(call, is_other, on_query[..., None] * lowered[:, None, None, :] if suppresses else None)
    generated = torch.zeros_like(other[0]), torch.full_like(other[1], -torch.inf)
    lift = torch.zeros_like(other[1])
    for lifts, _ in lifting:
        generated = _part(call, is_generated, None)
        lift = lifts * call.plan.lift[:, None, None]
    if reaches:
        plain = emphasised
        if call.tally is not None:
            told = call.plan.measured[call.layer][:, None, None]
            call.tally.take(mass(plain[1], _whole(call, [plain[1], generated[1], other[1]])), _most(call) * told)
        level = _level(call, plain[1], generated[1], other[1])
        lift = level * lift
        emphasised = plain[0], plain[1] + level * on_query * call.plan.nats.amax(1)[:, None, None]
        if call.plan.varied is not None:
            varied = call.plan.varied[:, None, None]
            each = _part(call, is_emphasised, level[..., None] * bias)
            emphasised = (
                torch.where(varied[..., None], each[0], emphasised[0]),
                torch.where(varied, each[1], emphasised[1]),
            )
    if call.plan.share is not None:
        log_mass = emphasised[1] - _whole(call, [emphasised[1], generated[1], other[1]])
        raised = on_query * nats_to_share(log_mass, share.amax(-1)[:, None, None])
        emphasised = emphasised[0], emphasised[1] + raised
    lifted = generated[0], generated[1] + lift
    output, lse = merge([emphasised, lifted, other])
    if call.sinks is not None:
        output, lse = drain_into_sink(output, lse, call.sinks)
    if call.record:
        before = [_part(call, is_emphasised, None)[1], generated[1], _part(call, is_other, None)[1]]
        call.record(_masses(call, before, [emphasised[1], lifted[1], other[1]], lse))
    return output


def _level(call: Call, emphasised: Tensor, generated: Tensor, other: Tensor) -> Tensor:
    """Return the part of every head's lift that a target share takes; 1 in rows without one and for other gains.

    Args:
        call: The call.
        emphasised: (batch, heads, query) log-sum-exp of the emphasis.
        generated: That of generated tokens, which some rules lift too.
        other: That of all other keys, without a sink.
    """
    if call.plan.target is None:
        return torch.ones_like(other)
    if call.sinks is not None:
        other = torch.logaddexp(other, call.sinks.to(other)[None, :, None])
    lifts = call.plan.lift[:, None, None] > 0
    raised = torch.where(lifts, torch.logaddexp(emphasised, generated), emphasised)
    other = torch.where(lifts, other, torch.logaddexp(other, generated))
    level = level_to_target(raised, other, call.plan.target[:, None, None], _most(call))
    return torch.where(call.plan.gains[call.layer][:, :, None] > 0, level, 1.0)


def _most(call: Call) -> Tensor:
    """Return the nats by which the strongest emphasis is lifted at most: (batch, heads, 1)."""
    gain = call.plan.gains[call.layer].clamp(min=0)
    return (gain * call.plan.nats.amax(1).clamp(min=0)[:, None])[..., None]


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
