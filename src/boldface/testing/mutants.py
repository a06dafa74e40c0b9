"""Plans that are wrong on purpose: a law that does not notice them proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from boldface.steering.plan import Plan
from boldface.steering.rules import Rule

Mutant = Callable[[Plan], Plan]


def faithful(plan: Plan) -> Plan:
    """Return the plan as it is."""
    return plan


def no_op(plan: Plan) -> Plan:
    """Steer nothing: all gains 0."""
    return replace(plan, gains={layer: torch.zeros_like(gain) for layer, gain in plan.gains.items()})


def wrong_head(plan: Plan) -> Plan:
    """Steer the neighbour of every head."""
    return replace(plan, gains={layer: gain.roll(1, dims=1) for layer, gain in plan.gains.items()})


def not_lifted(plan: Plan) -> Plan:
    """Leave generated tokens behind the emphasis."""
    return replace(plan, lift=torch.zeros_like(plan.lift))


def lifted(plan: Plan) -> Plan:
    """Lift generated tokens with the emphasis."""
    return replace(plan, lift=plan.nats.clamp(min=0).amax(dim=1))


def half_share(plan: Plan) -> Plan:
    """Aim at half the share."""
    half = replace(plan, share=None if plan.share is None else plan.share / 2)
    return replace(half, target=None if plan.target is None else torch.where(plan.target < 1, plan.target / 2, 1.0))


def open_loop(plan: Plan) -> Plan:
    """Lift all the way, whatever the target share."""
    return replace(plan, target=None)


MUTANTS: dict[str, Mutant] = {"no-op": no_op, "wrong head": wrong_head, "not lifted": not_lifted}
"""Of rule ``pasta``."""
RULE_MUTANTS: dict[Rule, dict[str, Mutant]] = {
    "pasta": MUTANTS,
    "flat": {"no-op": no_op, "wrong head": wrong_head, "lifted": lifted},
    "share": {"no-op": no_op, "wrong head": wrong_head, "half the share": half_share},
}
TARGET_MUTANTS: dict[str, Mutant] = {
    "no-op": no_op,
    "wrong head": wrong_head,
    "half the share": half_share,
    "open loop": open_loop,
}
"""Of a target share."""
