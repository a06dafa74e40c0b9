"""The oracle: attention with materialised probabilities, in float64, written from the paper's formula.

Every route is tested against this file, so it favours being obviously right over everything else.
"""

from __future__ import annotations

import torch
from torch import Tensor

from boldface.steering.plan import Plan


def damp(weights: Tensor, emphasised: Tensor, prompt: Tensor, alpha: float) -> Tensor:
    """PASTA to the letter: multiply unemphasised prompt tokens by alpha and renormalise (section 3.1, equation 2).

    Args:
        weights: (..., key) attention probabilities.
        emphasised: (key,) bool, the set G.
        prompt: (key,) bool, true for prompt tokens; generated tokens are never damped.
        alpha: The factor, above 0.
    """
    damped = torch.where(prompt & ~emphasised, weights * alpha, weights)
    return damped / damped.sum(-1, keepdim=True)


def bias(plan: Plan, layer: int, query_columns: Tensor, key_columns: Tensor, visible: Tensor) -> Tensor:
    """Return the whole bias of one layer, entry by entry: (batch, heads, query, key) float64.

    Args:
        plan: The batch.
        layer: A layer in ``plan.gains``.
        query_columns: (query,) columns of the queries.
        key_columns: (key,) columns of the keys.
        visible: (batch, 1, query, key) bool, what the mask lets a query see.
    """
    gain = plan.gains[layer].double()[:, :, None, None]
    in_prompt = key_columns < plan.width
    nats = plan.nats.double()[:, key_columns.clamp(max=plan.width - 1)] * in_prompt
    nats = nats[:, None, None, :]  # batch, 1, 1, key
    sees = (visible & (nats > 0)).any(-1, keepdim=True)  # batch, 1, query, 1
    lift = plan.lift.double()[:, None, None, None] * sees * ~in_prompt
    active = (query_columns[None, :] >= plan.start[:, None])[:, None, :, None]
    return active * (gain * nats + gain.clamp(min=0) * lift)


def raising(plan: Plan, layer: int, query_columns: Tensor, key_columns: Tensor, weights: Tensor) -> Tensor:
    """Return the bias of the rows of rule ``share``, entry by entry: (batch, heads, query, key) float64.

    SpotLight (arXiv 2505.12025): log(share / mass) on the emphasis where its mass is below the share.

    Args:
        plan: The batch; it has such rows.
        layer: A layer in ``plan.gains``.
        query_columns: (query,) columns of the queries.
        key_columns: (key,) columns of the keys.
        weights: (batch, heads, query, key) float64, the unsteered probabilities; a sink's share is missing in them.
    """
    assert plan.share is not None
    share = plan.share.double()[:, key_columns.clamp(max=plan.width - 1)] * (key_columns < plan.width)
    share = share[:, None, None, :]  # batch, 1, 1, key
    mass = (weights * (share > 0)).sum(-1, keepdim=True)
    active = (query_columns[None, :] >= plan.start[:, None])[:, None, :, None]
    short = active & (mass > 0) & (mass < share)
    return plan.gains[layer].double()[:, :, None, None] * torch.where(short, torch.log(share / mass), 0.0)


def reaching(plan: Plan, layer: int, key_columns: Tensor, bias: Tensor, weights: Tensor, sink: Tensor) -> Tensor:
    """Return ``bias`` as far as the target share lets it be, entry by entry: (batch, heads, query, key) float64.

    What a positive bias of a head of positive gain lifts has together the mass m. Times x, its weight is x m beside the
    rest's 1 - m, and it has the target share s for x = s / (1 - s) * (1 - m) / m. Of the bias is taken the part whose
    strongest nats are log(x): no less than nothing, and no more than all.

    Args:
        plan: The batch; it has rows with a target share.
        layer: A layer in ``plan.gains``.
        key_columns: (key,) columns of the keys.
        bias: (batch, heads, query, key) float64, of the open loop.
        weights: (batch, heads, query, key) float64, the probabilities that ``lowering(bias)`` gives.
        sink: (batch, heads, query) float64, what a sink has beside them.
    """
    assert plan.target is not None
    gain, target = plan.gains[layer].double()[:, :, None], plan.target.double()[:, None, None]
    nats = plan.nats.double()
    emphasised = (nats > 0)[:, key_columns.clamp(max=plan.width - 1)] & (key_columns < plan.width)
    lifted = emphasised | ((key_columns >= plan.width) & (plan.lift[:, None] > 0))
    mass = (weights * lifted[:, None, None, :]).sum(-1)
    rest = (weights * ~lifted[:, None, None, :]).sum(-1) + sink
    strongest = gain.clamp(min=0) * nats.amax(1).clamp(min=0)[:, None, None]
    wanted = torch.log(target / (1 - target) * rest / mass) / strongest
    part = torch.where((gain > 0) & (target < 1), wanted.nan_to_num(nan=0.0).clamp(0, 1), 1.0)
    return bias * torch.where(bias > 0, part[..., None], 1.0)


def lowering(plan: Plan, layer: int, bias: Tensor) -> Tensor:
    """Return the part of ``bias`` that a target share leaves as it is: what lowers, and heads of negative gain."""
    return torch.where(plan.gains[layer][:, :, None, None] > 0, bias.clamp(max=0), bias)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    visible: Tensor,
    bias: Tensor,
    *,
    scale: float,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Attend by probabilities: softmax, multiply by exp(bias), renormalise.

    The sink of a head takes part in the renormalisation with bias 0. Rows that see nothing give zeros.

    Args:
        query: (batch, heads, query, head_dim).
        key: (batch, kv_heads, key, head_dim).
        value: (batch, kv_heads, key, value_dim).
        visible: (batch or 1, 1 or heads, query, key) bool.
        bias: (batch, heads, query, key) float64.
        scale: Multiplies query·key.
        softcap: Scores are capped to ``softcap * tanh(score / softcap)`` before the softmax (and the bias).
        sinks: (heads,) learned sink scores.

    Returns:
        Output (batch, heads, query, value_dim) and weights (batch, heads, query, key), both float64.
    """
    groups = query.shape[1] // key.shape[1]
    key, value = (tensor.double().repeat_interleave(groups, dim=1) for tensor in (key, value))
    scores = query.double() @ key.transpose(-1, -2) * scale
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    scores = scores.masked_fill(~visible, -torch.inf)
    if sinks is not None:
        sink = sinks.double()[None, :, None, None].expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, sink], dim=-1)
        bias = torch.nn.functional.pad(bias, (0, 1))
    weights = torch.nan_to_num(torch.softmax(scores, dim=-1)) * torch.exp(bias)
    weights = torch.nan_to_num(weights / weights.sum(-1, keepdim=True))[..., : key.shape[2]]
    return weights @ value, weights
