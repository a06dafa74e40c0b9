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


def check_rule(rule: str, share: float | None) -> None:
    """Raise SpanError when the rule is unknown, StrengthError when ``share`` does not go with it."""
    if rule not in RULES:
        raise SpanError(f"Unknown rule {rule!r}.", f"Choose one of {', '.join(RULES)}.")
    if rule != "share":
        if share is not None:
            raise StrengthError(f"Rule {rule!r} has no target share.", "Say rule='share', or leave share out.")
    elif share is None:
        raise StrengthError("Rule 'share' needs its target share.", "Write for example share=0.1.")
    elif isinstance(share, bool) or not isinstance(share, Real) or not 0 < share < 1:
        raise StrengthError(f"A target share lies between 0 and 1, not {share!r}.", "Write for example share=0.1.")


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
