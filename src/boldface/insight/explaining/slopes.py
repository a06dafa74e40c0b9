"""Slopes: how the log-likelihood of an answer would change with the gain of every head, from one backward pass.

Attribution by gradient, as in Michel et al., NeurIPS 2019: gain × slope is what a head's steering does to first order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from boldface.attention.attach import Attachment
from boldface.engine.model import Model
from boldface.engine.scoring import mean_logprob, read_ahead, read_continuations
from boldface.engine.steer import Prepared
from boldface.insight.explaining.readings import everywhere
from boldface.profiles.heads import Head
from boldface.profiling.measure import MOST_TOKENS, checkpointed
from boldface.profiling.prefixes import LEAST


def slopes(model: Model, prepared: Prepared, answer: Sequence[int]) -> dict[Head, float]:
    """Return d log-likelihood / d gain of every head, at the gains as they are, in nats.

    Args:
        model: The model.
        prepared: One steered prompt, of a rule whose bias does not depend on the attention.
        answer: Tokens behind it.

    Raises:
        NothingSteeredError: Nothing is steered.
        RouteError: No route of a layer carries gradients.
    """
    plan, rows = everywhere(model, prepared), prepared.rows
    leaves = {layer: gains.clone().requires_grad_() for layer, gains in plan.gains.items()}
    is_long = rows.ids.shape[1] + len(answer) > MOST_TOKENS
    ahead = 0 if is_long or plan.earliest_start < LEAST else plan.earliest_start  # checkpointed layers drop the cache
    with model.alone():
        cache = read_ahead(model.model, rows, ahead) if ahead else None
        with (
            Attachment(model.model, replace(plan, gains=leaves), prompt=rows.ids),
            torch.enable_grad(),
            checkpointed(model.model, is_long),
        ):
            (logprobs,) = read_continuations(model.model, rows, [answer], ahead=ahead, cache=cache)
            total = mean_logprob(logprobs, answer) * len(answer)
            found = torch.autograd.grad(total, list(leaves.values()))
    return {
        Head(layer, head): slope
        for layer, row in zip(leaves, found, strict=True)
        for head, slope in enumerate(row[0].tolist())
    }
