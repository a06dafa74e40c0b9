"""Drift: does a profile still do, on the model at hand, what it did when it was made?

New weights, another type, quantisation or heads in another order can spoil a profile while every answer still reads
well. So a profile carries canaries with their figures, and here they are measured again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from boldface.engine.model import Model
from boldface.errors import HeadError
from boldface.metrics.statistics import Estimate, estimate
from boldface.profiles.canary import Canary
from boldface.profiles.identity import Relation, relation
from boldface.profiles.profile import Profile
from boldface.profiling.canaries import measure

Verdict = Literal["valid", "drifted", "broken"]

FAINT = 0.2
"""Mean size of the effects, in nats a token, below which rounding of the weights alone could pass for drift."""
VALID, BROKEN = 0.8, 1 / 3
"""Shares kept from which on a profile is valid, and below which it is broken."""
VALID_STILL, BROKEN_STILL = 0.95, 0.8
"""The same where the plain model has not moved, so that nothing about the weights accounts for a loss."""
STILL = 0.1
"""The plain model counts as unmoved when it moved by less than this part of what the effects moved by."""


@dataclass(frozen=True)
class Sighting:
    """One canary, when the profile was made and now.

    Attributes:
        then: As the profile has it.
        now: As the model at hand has it.
    """

    then: Canary
    now: Canary

    @property
    def moved(self) -> float:
        """How far the effect moved, in nats a token, whichever way."""
        return abs(self.now.effect - self.then.effect)

    @property
    def plain_moved(self) -> float:
        """How far the plain model's log-probability moved, in nats a token, whichever way."""
        return abs(self.now.plain - self.then.plain)


@dataclass(frozen=True)
class Drift:
    """What became of a profile on a model.

    Attributes:
        verdict: ``valid``, ``drifted`` or ``broken``.
        reason: Why, in words.
        advice: What to do next.
        kept: Share of the effects that stands as it was, with its interval over the canaries: 1 − Σ|now − then| /
            Σ|then|. 1 where all is the same, 0 where nothing is left, negative where effects moved by more than their
            size.
        valid_from: Share kept from which on a profile is valid here.
        broken_below: Share kept below which it is broken here.
        expected: Mean effect when the profile was made, with its interval over the canaries: by how much the emphasis
            made the targets likelier, in nats a token.
        now: The mean on the model at hand.
        plain_moved: Mean of how far the plain model's log-probabilities moved, in nats a token.
        relation: How the model relates to the one that the profile was made for; None when that is unknown.
        sightings: Canary by canary, in the profile's order.
    """

    verdict: Verdict
    reason: str
    advice: str
    kept: Estimate
    valid_from: float
    broken_below: float
    expected: Estimate
    now: float
    plain_moved: float
    relation: Relation | None
    sightings: tuple[Sighting, ...]


Measured = tuple[Canary, ...]


def check(
    profile: Profile, model: Model, *, each: Callable[[Callable[[], Measured]], Measured] = lambda run: run()
) -> Drift:
    """Measure the canaries of a profile again, on the model at hand, and judge.

    The share kept decides, against :data:`VALID` and :data:`BROKEN`; where the effects moved and the plain model did
    not, against stricter bounds, because then the heads stand in another order or the profile was edited.
    ``docs/drift.md`` has the measurements behind the bounds.

    Args:
        profile: The profile.
        model: The model.
        each: Runs the measurement of one canary; a server does that between two steps of its batch.

    Raises:
        HeadError: The profile has no canaries, its effect on them is too faint to be told from rounding, or its heads
            are not the model's.
        ModelError: The model gives numbers that are not finite.
    """
    size = check_canaries(profile)
    run = partial(measure, model, profile.gains, profile.strength, profile.scope, rule=profile.rule)
    measured = tuple(now for canary in profile.canaries for now in each(partial(run, [canary])))
    sightings = tuple(Sighting(*pair) for pair in zip(profile.canaries, measured, strict=True))
    kept = estimate(1 - sighting.moved / size for sighting in sightings)
    plain_moved = _mean([sighting.plain_moved for sighting in sightings])
    still = plain_moved < STILL * _mean([sighting.moved for sighting in sightings])
    valid, broken = (VALID_STILL, BROKEN_STILL) if still else (VALID, BROKEN)
    verdict: Verdict = "valid" if kept.mean >= valid else "broken" if kept.mean < broken else "drifted"
    return Drift(
        verdict,
        *_WORDS[verdict if verdict == "valid" or not still else "still"],
        kept,
        valid,
        broken,
        expected=estimate(canary.effect for canary in profile.canaries),
        now=_mean([canary.effect for canary in measured]),
        plain_moved=plain_moved,
        relation=relation(profile.identity, model.identity) if profile.identity else None,
        sightings=sightings,
    )


def check_canaries(profile: Profile) -> float:
    """Return the mean size of a profile's effects on its canaries, in nats a token.

    Raises:
        HeadError: It has no canaries, or its effect on them is too faint to be told from rounding.
    """
    sizes = [abs(canary.effect) for canary in profile.canaries]
    if not sizes:
        raise HeadError(
            f"Profile {profile.name!r} carries no canaries.",
            "Make it again with boldface profiles make, or add some to it in Python: see docs/drift.md.",
        )
    if (size := _mean(sizes)) < FAINT:
        raise HeadError(
            f"Profile {profile.name!r} moves its canaries by {size:.2f} nats a token: too little to tell drift.",
            "Give it canaries from its own tasks: see docs/drift.md.",
        )
    return size


_WORDS: Mapping[str, tuple[str, str]] = {
    "valid": ("The emphasis does what it did when the profile was made.", "Use the profile."),
    "drifted": (
        "The model has changed, and the emphasis still acts, but not as it did.",
        "Evaluate the profile on this model before you rely on it, or make one for it: boldface profiles make.",
    ),
    "broken": (
        "The model has changed, and little is left of what the emphasis did.",
        "Make a profile for this model: boldface profiles make.",
    ),
    "still": (
        "Without emphasis the model is what it was, but the emphasis acts otherwise: the heads stand in another order, "
        "or the profile was edited after its canaries were measured.",
        "Make a profile for this model: boldface profiles make. If you edited the profile, measure its canaries again.",
    ),
}
"""Why, and what to do next."""


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
