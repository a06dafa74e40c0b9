"""Strength: how much an emphasised token is lifted, in nats (natural-log units).

One scalar, three spellings, all converted here and nowhere else:

========  ====================  =======================  =================
spelling  meaning               to nats                  PASTA's default
========  ====================  =======================  =================
strength  added to the score    itself                   4.605
factor    times the weight      log(factor)              100
alpha     the rest times alpha  log(1 / alpha)           0.01
========  ====================  =======================  =================

Source: Tell Your Model Where to Attend (PASTA, ICLR 2024), section 3.1: alpha = 0.01.
"""

from __future__ import annotations

import math
from numbers import Real

from boldface.errors import StrengthError

DEFAULT_STRENGTH = math.log(100.0)
"""The paper's alpha of 0.01, in nats."""

MAX_STRENGTH = 30.0
"""Largest size in nats of any applied bias (gain x strength); e**30 already drowns every other token."""


def check_strength(nats: float) -> float:
    """Return ``nats`` as a float; raise StrengthError unless it is finite and within MAX_STRENGTH."""
    if isinstance(nats, bool) or not isinstance(nats, Real):
        raise StrengthError(f"A strength is a number of nats, not {nats!r}.", "Write for example strength=4.6.")
    value = _as_float(nats)
    if not math.isfinite(value):
        raise StrengthError(f"Strength {value} is not finite.", "Use nats between -30 and 30; 4.605 is x100.")
    if abs(value) > MAX_STRENGTH:
        raise StrengthError(
            f"Strength {value:g} nats exceeds the cap of {MAX_STRENGTH:g} nats.",
            "Strengths are logarithms: 4.605 nats is a factor of 100. For a factor write factor= or {x=...}.",
        )
    return value


def _as_float(number: Real | float) -> float:
    try:
        return float(number)
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf


def nats_from_factor(factor: float) -> float:
    """Convert a factor on the attention weight (100 lifts a hundredfold, 0.01 suppresses) to nats."""
    if isinstance(factor, bool) or not isinstance(factor, Real) or not math.isfinite(_as_float(factor)) or factor <= 0:
        raise StrengthError(
            f"A factor must be a finite number above 0, not {factor!r}.", "100 is the paper's; below 1 suppresses."
        )
    return check_strength(math.log(factor))


def nats_from_alpha(alpha: float) -> float:
    """Convert the paper's alpha (what every unemphasised prompt token is multiplied with) to nats."""
    if isinstance(alpha, bool) or not isinstance(alpha, Real) or not math.isfinite(_as_float(alpha)) or alpha <= 0:
        raise StrengthError(f"alpha must be a finite number above 0, not {alpha!r}.", "The paper's alpha is 0.01.")
    return check_strength(-math.log(alpha))


def resolve_strength(
    *, alpha: float | None = None, factor: float | None = None, strength: float | None = None
) -> float | None:
    """Return the one strength given, in nats; None when none was given.

    Raises:
        StrengthError: When more than one spelling is given or the value is out of range.
    """
    given = [
        name for name, value in (("alpha", alpha), ("factor", factor), ("strength", strength)) if value is not None
    ]
    if len(given) > 1:
        raise StrengthError(
            f"{' and '.join(given)} say the same thing twice.", "Give only one of alpha, factor, strength."
        )
    if alpha is not None:
        return nats_from_alpha(alpha)
    if factor is not None:
        return nats_from_factor(factor)
    return None if strength is None else check_strength(strength)
