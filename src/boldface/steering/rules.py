"""Rules: what the bias of the emphasis is, and whether the model's own words rise with it.

========  =======================================  ====================================  ===============
rule      emphasised prompt token                  generated token                       other tokens
========  =======================================  ====================================  ===============
pasta     gain x nats                              max(0, gain) x strongest nats         0
flat      gain x nats                              0                                     0
share     gain x max(0, log(share / mass))         0                                     0
========  =======================================  ====================================  ===============

- ``pasta``: Zhang et al. 2024, section 3.1: prompt tokens outside the emphasis are damped, generated ones are not.
- ``flat``: InstABoost (Guardieiro et al. 2025, arXiv 2506.13734): probabilities of the instruction are multiplied by M
  and renormalised, which is log(M) nats, in all heads; AutoPASTA (Zhang et al. 2024, arXiv 2409.10790): log(100) nats
  in profiled heads.
- ``share``: SpotLight (Venkateswaran and Contractor 2025, arXiv 2505.12025): where the share of a query's attention
  that lands on the emphasis, its mass, is below the target share, log(share / mass) is added; elsewhere nothing.
  Mass and bias are taken for every head and query by itself, as the paper writes them. Its released code takes one
  number for all heads and queries of a call instead, so that what a query gets depends on the queries beside it.

Rules ``pasta`` and ``flat`` are open loops: they lift by as many nats as they are told. A *target share* closes them.
Every query then takes, of the lift of every head of positive gain, only the part from 0 to 1 with which everything that
the rule lifts gets that share of its attention: nothing where it has the share already, and all of it where that does
not suffice, so the strength is the cap. Suppressed tokens and heads of negative gain stay open loops: what they take
away shrinks by itself as it gets small.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Literal

import torch
from torch import Tensor

from boldface.errors import SpanError, StrengthError

Rule = Literal["pasta", "flat", "share"]
RULES: tuple[Rule, ...] = ("pasta", "flat", "share")


def check_rule(rule: str, share: float | None, target: float | None = None) -> None:
    """Raise SpanError when the rule is unknown, StrengthError when ``share`` or ``target`` does not go with it."""
    if rule not in RULES:
        raise SpanError(f"Unknown rule {rule!r}.", f"Choose one of {', '.join(RULES)}.")
    if rule != "share" and share is not None:
        raise StrengthError(
            f"Rule {rule!r} has no target share of its own.", "Say rule='share', or target=0.5 to close this one."
        )
    if rule == "share" and share is None:
        raise StrengthError("Rule 'share' needs its target share.", "Write for example share=0.1.")
    if rule == "share" and target is not None:
        raise StrengthError("Rule 'share' is a closed loop already.", "Leave target out; share says how far.")
    for name, value in (("share", share), ("target", target)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < 1):
            raise StrengthError(
                f"A target share lies between 0 and 1, not {value!r}.", f"Write for example {name}=0.1."
            )


def check_raising(strengths: Iterable[float], gains: Iterable[float]) -> None:
    """Raise StrengthError when what rule ``share`` is given would do anything but raise the mass up to its target."""
    if any(strength < 0 for strength in strengths):
        raise StrengthError(
            "Rule 'share' only raises the mass on the emphasis: it cannot suppress.",
            "Leave the suppressed spans out, or steer by rule='pasta' or 'flat'.",
        )
    if wrong := [gain for gain in gains if not 0 <= gain <= 1]:
        raise StrengthError(
            f"Rule 'share' takes gains from 0 to 1, not {wrong[0]:g}.",
            "Name heads without gains of their own, or none for all heads.",
        )


def nats_to_share(log_mass: Tensor, share: Tensor) -> Tensor:
    """Return max(0, log(share / mass)): what lifts the mass m of the emphasis to share / (1 - m + share).

    That lies between share / (1 + share) and share. 0 where there is nothing to lift: no emphasis is visible (mass 0),
    the mass has reached the share, or the share is 0.

    Args:
        log_mass: Log of the mass on the emphasis; -inf where none is visible.
        share: The target share, broadcast against it.
    """
    nats = (share.to(log_mass).log() - log_mass).clamp(min=0)
    return torch.where(nats < math.inf, nats, 0.0)


def level_to_target(log_raised: Tensor, log_other: Tensor, target: Tensor, most: Tensor) -> Tensor:
    """Return the part, from 0 to 1, of a lift of ``most`` nats that brings what is lifted to the target share.

    Raising what has the log-sum-exp R beside the rest's O by b nats gives it exp(R + b) / (exp(R + b) + exp(O)) of the
    attention, which is the target s for b = log(s / (1 - s)) + O - R.

    Args:
        log_raised: Log-sum-exp of the keys that are lifted; -inf where none is visible.
        log_other: That of all others, a sink among them.
        target: The target share, above 0; from 1 on it is never reached, and the level is 1.
        most: Nats of the whole lift, 0 or more, broadcast against the others.
    """
    needed = torch.logit(target) + log_other - log_raised
    level = (needed / most).nan_to_num(nan=0.0).clamp(0, 1)  # 0/0: nothing is visible, or there is nothing to lift
    return torch.where(target < 1, level, 1.0)
