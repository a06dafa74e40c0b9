"""Plans that are wrong on purpose: a law that does not notice them proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from boldface.steering.plan import Plan

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


MUTANTS: dict[str, Mutant] = {"no-op": no_op, "wrong head": wrong_head, "not lifted": not_lifted}
