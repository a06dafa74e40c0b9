"""Fit: whether heads do on a model what they are for, told without the prompt that is diagnosed."""

from __future__ import annotations

import math
from typing import NamedTuple

from boldface.engine.model import Model
from boldface.insight.diagnosis.setting import Chosen
from boldface.insight.drift import FAINT, check
from boldface.profiling.canaries import OBEYED, measure

READS = 0.75
"""Least share of our own canaries that heads which read the emphasis make likelier; by chance 12 of 16 are p = 0.04."""


class Fit(NamedTuple):
    """Whether heads fit a model.

    Attributes:
        fits: Whether they do.
        says: What speaks for it or against it, in words.
    """

    fits: bool
    says: str


def fit(model: Model, heads: Chosen) -> Fit:
    """Judge heads on a model: by whom they were made for, else by their canaries, else by ours.

    Raises:
        BoldfaceError: The canaries cannot be measured on this model.
    """
    profile = heads.profile
    if heads.kind == "same":
        return Fit(True, "the profile was made for this very model")
    sizes = [abs(canary.effect) for canary in profile.canaries]
    if sizes and math.fsum(sizes) / len(sizes) >= FAINT:
        drift = check(profile, model)
        said = f"{drift.kept.mean:.0%} of what the profile did when it was made is left on this model ({drift.verdict})"
        return Fit(drift.verdict != "broken", said)
    measured = measure(model, profile.gains, profile.strength, profile.scope, OBEYED, rule=profile.rule)
    likelier = sum(canary.effect > 0 for canary in measured)
    said = f"emphasis by these heads makes {likelier} of {len(measured)} things likelier that it should"
    return Fit(likelier >= READS * len(measured), said)
