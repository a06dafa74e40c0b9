"""The laws of the rules: each is what its paper says, on an unmodified eager model's own probabilities and masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from boldface.attention.attach import Attachment
from boldface.attention.call import Mass
from boldface.attention.geometry import geometry
from boldface.emphasis.span import TokenSpan
from boldface.engine.heads import all_heads
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering
from boldface.steering.rules import Rule
from boldface.testing.laws import TOLERANCE, agree, demand, forward
from boldface.testing.mutants import Mutant, faithful
from boldface.testing.sample import sample

_SPAN = TokenSpan(10, 13, math.log(100.0))
_SHARE = 0.6


def check_published(
    model: PreTrainedModel,
    eager: PreTrainedModel,
    route: str,
    rule: Rule,
    target: float | None = None,
    mutant: Mutant = faithful,
) -> None:
    """Demand that a route is the rule as published, over a prompt and given answer tokens.

    Args:
        model: The model to steer.
        eager: A model of the same weights with attention implementation ``eager``.
        route: The route under test.
        rule: ``flat`` or ``share``; or any but ``share`` with a target share, which is ours.
        target: The target share.
        mutant: Alters the plan that the route gets.
    """
    layers = geometry(model).layers
    chosen = list(range(0, min(layer.heads for layer in layers.values()), 2))
    gains = HeadGains((layer, head) for layer in layers for head in chosen)
    share = _SHARE if rule == "share" else None
    batch = sample(model, rows=[Steering((_SPAN,), gains, rule=rule, share=share, target=target)], answer=3)
    emphasised = torch.zeros(batch.ids.shape[1], dtype=torch.bool)
    emphasised[_SPAN.start : _SPAN.end] = True
    lifted = emphasised | (torch.arange(batch.ids.shape[1]) >= batch.plan.width) & (rule == "pasta")

    def bias(weights: Tensor) -> Tensor:
        if target is not None:
            added = _reaching(weights, emphasised, lifted, target)
        elif share is not None:
            added = _spotlight(weights, emphasised, share)
        else:
            added = _instaboost(weights, emphasised)
        steered = torch.zeros(weights.shape[1], dtype=torch.bool).index_fill(0, torch.tensor(chosen), True)
        return added * steered[None, :, None, None]

    with torch.no_grad(), _adding(eager, bias):
        expected = eager(batch.ids, use_cache=False).logits
    agree(forward(model, batch, route, mutant)[None], expected, forward(model, batch, None)[None])


def check_target(model: PreTrainedModel, target: float, rule: Rule = "pasta") -> None:
    """Demand that a target share is reached, or as nearly as the strength lets it be.

    In heads of positive gain the mass on what is lifted stays as it is where it has the share already; any other ends
    at the share, or below it with the mass of the open loop. Heads of negative gain are those of the open loop. Masses
    are those that route ``split`` tells.
    """
    heads = geometry(model).heads
    gains = HeadGains({(layer, head): (1.0, 0.3, -0.5)[head % 3] for layer in heads for head in range(heads[layer])})
    first = min(gains.layers)  # later layers get other queries
    told: list[Mass] = []
    for share in (None, target):
        steering = Steering((_SPAN,), gains, rule=rule, target=share)
        batch, masses = sample(model, rows=[steering]), list[Mass]()
        with torch.no_grad(), Attachment(model, batch.plan, prompt=batch.prompt, route="split", record=masses.append):
            model(**batch.inputs(), use_cache=False)
        told += [mass for mass in masses if mass.layer == first]
    parts = 2 if rule == "pasta" else 1  # the model's own words, or not
    before, most, reached = (mass[:parts].sum(0) for mass in (told[0].before, told[0].after, told[1].after))
    raised = (batch.plan.gains[first] > 0)[:, :, None] & (told[0].before[0] > 0)
    wanted = torch.where(raised, torch.maximum(before, most.clamp(max=target)), most)
    demand(bool((raised & (before < target) & (most > target)).any()), f"nothing can be brought to {target}")
    demand(bool((raised & ((most < target) | (before >= target))).any()), f"everything can be brought to {target}")
    error = (reached - wanted).abs().max().item()
    demand(error <= TOLERANCE, f"masses miss what they should be by {error:.1e}")


def check_masses(model: PreTrainedModel, share: float) -> None:
    """Demand that rule ``share`` leaves every mass within SpotLight's bounds, and lowers none.

    Mass 0 stays 0, a mass that has reached the share stays as it is, and any other ends between share / (1 + share)
    and share. Masses are those that route ``split`` tells.
    """
    steering = Steering((_SPAN,), all_heads(geometry(model).heads), rule="share", share=share)
    batch, told = sample(model, rows=[steering]), list[Mass]()
    with torch.no_grad(), Attachment(model, batch.plan, prompt=batch.prompt, route="split", record=told.append):
        model(**batch.inputs(), use_cache=False)
    before = torch.cat([mass.before[0].flatten() for mass in told])
    after = torch.cat([mass.after[0].flatten() for mass in told])
    short = (before > 0) & (before < share)
    demand(bool(short.any()), f"no mass is below {share}: nothing was tested")
    demand(bool((after >= before - TOLERANCE).all()), "a mass was lowered")
    still = (after - before)[~short].abs().max().item() if (~short).any() else 0.0
    demand(still <= TOLERANCE, f"a mass that has nothing to gain moved by {still:.1e}")
    low, high = after[short].min().item(), after[short].max().item()
    bounds = share / (1 + share), share
    demand(low >= bounds[0] - TOLERANCE and high <= bounds[1] + TOLERANCE, f"masses {low:.4f}-{high:.4f} miss {bounds}")


def _instaboost(weights: Tensor, emphasised: Tensor) -> Tensor:
    """Guardieiro et al. 2025: probabilities of the instruction times M, renormalised."""
    return torch.log(torch.where(emphasised, torch.tensor(100.0), torch.tensor(1.0))).expand_as(weights)


def _spotlight(weights: Tensor, emphasised: Tensor, share: float) -> Tensor:
    """Venkateswaran and Contractor 2025: log(target / current) on the span where the current share is below target."""
    current = weights[..., emphasised].sum(-1, keepdim=True)
    return torch.where((current > 0) & (current < share) & emphasised, torch.log(share / current), 0.0)


def _reaching(weights: Tensor, emphasised: Tensor, lifted: Tensor, target: float) -> Tensor:
    """What the lifted words need to get the target share together, at most a factor of 100."""
    mass = weights[..., lifted].sum(-1, keepdim=True).double()
    rest = 1 - mass  # with a sink's
    needed = torch.log(target / (1 - target) * rest / mass).nan_to_num(nan=0.0).clamp(0, math.log(100.0))
    sees = (weights[..., emphasised] > 0).any(-1, keepdim=True)
    return (needed * lifted * sees).to(weights)


@contextmanager
def _adding(eager: PreTrainedModel, bias: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Let every attention module run twice: once for its probabilities, then with their bias added to its mask."""

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        outputs = module.forward(*args, **kwargs)  # not called: that would enter here again
        weights = next(each for each in outputs if isinstance(each, Tensor) and each.ndim == 4)
        return args, kwargs | {"attention_mask": kwargs["attention_mask"] + bias(weights)}

    with ExitStack() as stack:
        for layer in geometry(eager).layers.values():
            stack.callback(layer.module.register_forward_pre_hook(enter, with_kwargs=True).remove)
        yield
