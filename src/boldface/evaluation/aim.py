"""Which heads an arm steers on a given model, and how strongly."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from boldface.engine.heads import Selected, all_heads
from boldface.errors import TaskError
from boldface.evaluation.arm import Arm
from boldface.profiles.heads import Head, HeadGains
from boldface.steering.plan import Scope
from boldface.steering.rules import Rule

SET = 0.5
"""Heads of a learned profile whose gain is at least this make up its head set."""


@dataclass(frozen=True)
class Aim:
    """What is steered in an arm.

    Attributes:
        gains: Head gains; empty for arms that steer nothing.
        strength: Strength of the emphasis in nats.
        scope: Which queries are steered.
        rule: What the bias is.
        target: Target share beyond which nothing is lifted; None is an open loop.
    """

    gains: HeadGains
    strength: float
    scope: Scope = "all"
    rule: Rule = "pasta"
    target: float | None = None


def aim(arm: Arm, heads: Mapping[int, int], profile: Selected | None, seed: int) -> Aim:
    """Return what an arm steers.

    Arms that have the profile's own gains, or those dealt out anew, have its scope, rule and target share too; all
    others steer every query by the arm's rule.

    Args:
        arm: The arm.
        heads: Query heads of every layer of the model that can be steered.
        profile: What the model's profile steers; None when there is none.
        seed: Of the random heads.

    Raises:
        TaskError: The arm needs a profile and there is none, or the profile has no head for it.
    """
    if arm.heads == "none":
        return Aim(HeadGains(), 0.0)
    if arm.heads == "all":
        strength = 1.0 if arm.strength is None else arm.strength
        gains = _only(all_heads(heads), arm)
        return Aim(gains, arm.times * strength, arm.scope or "all", rule=arm.rule)
    if profile is None:
        raise TaskError(f"The arm {arm.name!r} needs a profile.", "Name one with --profile, or leave the arm out.")
    gains, own, scope, rule, target = profile
    if arm.heads == "set":
        gains, scope = _set(gains, arm.top), "all"
        rule, target = arm.rule, None
    elif arm.top is not None:
        gains = _top(gains, arm.top)
    gains = _only(gains, arm)
    if arm.heads == "random":
        gains = dealt(gains, heads, seed)
    if not gains:
        least = f" of gain {SET} or more" if arm.heads == "set" else ""
        raise TaskError(f"The profile has no head{least}.", f"Leave the arm {arm.name!r} out.")
    strength = arm.times * (own if arm.strength is None else arm.strength)
    return Aim(gains, strength, arm.scope or scope, rule, target if arm.target is None else arm.target)


def _set(gains: HeadGains, count: int | None) -> HeadGains:
    """The head set: heads of a large gain, or so many of the largest, all with gain 1."""
    if count is None:
        return HeadGains({head: 1.0 for head, gain in gains.items() if gain >= SET})
    return HeadGains(dict.fromkeys(_top(gains.select(lambda _, gain: gain > 0), count), 1.0))


def _top(gains: HeadGains, count: int) -> HeadGains:
    """The heads of largest gain, as many as asked."""
    if count > len(gains):
        raise TaskError(f"{count} heads are asked for; the profile has {len(gains)} of that kind.", "Ask for fewer.")
    return gains.top(count)


def _only(gains: HeadGains, arm: Arm) -> HeadGains:
    """The heads of one layer, or one head; all where the arm names neither."""
    if not arm.only:
        return gains
    left = gains.select(lambda head, _: arm.only in (str(head), f"L{head.layer}"))
    if not left:
        raise TaskError(f"{arm.name!r} steers nothing: there is no {arm.only} among its heads.", "Name another.")
    return left


def dealt(gains: HeadGains, heads: Mapping[int, int], seed: int) -> HeadGains:
    """Deal out the gains of every layer anew among all heads of that layer."""
    dice = random.Random(f"random heads:{seed}")
    drawn: dict[Head, float] = {}
    for layer in gains.layers:
        values = [gain for head, gain in gains.items() if head.layer == layer]
        chosen = dice.sample(range(heads[layer]), len(values))
        drawn |= {Head(layer, head): gain for head, gain in zip(chosen, values, strict=True)}
    return HeadGains(drawn)
