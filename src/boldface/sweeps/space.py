"""What a sweep may try: operating points between bounds, or a list of arms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from boldface.emphasis.strength import MAX_STRENGTH
from boldface.errors import SweepError
from boldface.evaluation.knobs import HOTTEST
from boldface.profiles.heads import HeadGains
from boldface.sweeps.axis import Axis
from boldface.sweeps.point import Point, SteeredScope

MOST_POINTS = 5000
"""Of a grid."""


@dataclass(frozen=True)
class Space:
    """Operating points.

    Attributes:
        strength: In nats.
        heads: How many heads.
        scopes: Which queries are steered.
        temperatures: How evenly words are drawn.
    """

    strength: Axis
    heads: Axis
    scopes: tuple[SteeredScope, ...] = ("all",)
    temperatures: tuple[float, ...] = (0.0,)

    def check(self, gains: HeadGains) -> None:
        """Refuse what a profile cannot have.

        Raises:
            SweepError: It has fewer heads, or a bias would exceed the cap.
        """
        if not 1 <= self.heads.low <= self.heads.high <= len(gains):
            raise SweepError(
                f"{self.heads} heads cannot be had: the profile steers {len(gains)}.",
                f"Write --head-counts 1:{len(gains)}, for example.",
            )
        largest = max(abs(gain) for gain in gains.values())
        most = max(abs(self.strength.low), abs(self.strength.high))
        if largest * most > MAX_STRENGTH:
            raise SweepError(
                f"At {most:g} nats the head of gain {largest:g} would have a bias of {largest * most:.3g} nats; "
                f"the cap is {MAX_STRENGTH:g}.",
                f"Stay below {MAX_STRENGTH / largest:.3g} nats.",
            )

    def check_grid(self) -> None:
        """Refuse a grid of ranges, or one without end.

        Raises:
            SweepError: It is one.
        """
        for name, axis in (("--strength", self.strength), ("--head-counts", self.heads)):
            if not axis.values:
                raise SweepError(
                    f"A grid needs values, and {name} is a range.",
                    f"Write {name} {axis.low:g}:{axis.high:g}:5 for five of them, or take another sampler.",
                )
        if self.size is not None and self.size > MOST_POINTS:
            raise SweepError(f"A grid of {self.size} points is too large.", "Take fewer values, or sample.")

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna draws from."""
        strength, heads = self.strength, self.heads
        return {
            "strength": CategoricalDistribution(strength.values)
            if strength.values
            else FloatDistribution(strength.low, strength.high),
            "heads": CategoricalDistribution([round(value) for value in heads.values])
            if heads.values
            else IntDistribution(round(heads.low), round(heads.high), log=True),
            "scope": CategoricalDistribution(self.scopes),
            "temperature": CategoricalDistribution(self.temperatures),
        }

    def holds(self, point: Point) -> bool:
        """Tell whether a point lies in the space."""
        known = point.scope in self.scopes and point.temperature in self.temperatures
        return known and self.strength.holds(point.strength) and self.heads.holds(point.heads)

    @property
    def grid(self) -> list[dict[str, Any]]:
        """Every point of a space of values; see :meth:`check_grid`."""
        sides = (self.strength.values, self.heads.values, self.scopes, self.temperatures)
        return [Point(a, round(b), c, d).params for a, b, c, d in itertools.product(*sides)]

    @property
    def size(self) -> int | None:
        """How many points there are; None where a side is a range."""
        if not self.strength.values or not self.heads.values:
            return None
        return len(self.strength.values) * len(self.heads.values) * len(self.scopes) * len(self.temperatures)

    def arm(self, params: Mapping[str, Any]) -> str:
        """Return the arm that measures a trial."""
        return Point.of(params).arm()

    @property
    def said(self) -> dict[str, Any]:
        """The space as JSON values."""
        return {
            "strength": str(self.strength),
            "heads": str(self.heads),
            "scopes": list(self.scopes),
            "temperatures": list(self.temperatures),
        }


@dataclass(frozen=True)
class Listed:
    """A list of arms, one after the other: the paper's ablations.

    Attributes:
        arms: Their names.
    """

    arms: Sequence[str]

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna draws from."""
        return {"arm": CategoricalDistribution(tuple(self.arms))}

    @property
    def grid(self) -> list[dict[str, Any]]:
        """Every arm, in order."""
        return [{"arm": arm} for arm in self.arms]

    @property
    def size(self) -> int:
        """How many arms there are."""
        return len(self.arms)

    def arm(self, params: Mapping[str, Any]) -> str:
        """Return the arm that measures a trial."""
        return str(params["arm"])

    @property
    def said(self) -> dict[str, Any]:
        """The list as JSON values."""
        return {"arms": list(self.arms)}


def default_strengths(own: float, gains: HeadGains) -> Axis:
    """Return a quarter to twice a profile's strength, as far as the cap on biases lets it."""
    largest = max((abs(gain) for gain in gains.values()), default=1.0)
    most = min(2 * own, MAX_STRENGTH / largest)
    return Axis(round(own / 4, 3), math.floor(most * 1000) / 1000)


def counts(number: float) -> float:
    """Return a number of heads.

    Raises:
        SweepError: It is not whole, or none.
    """
    if number < 1 or number != int(number):
        raise SweepError(f"{number:g} is no number of heads.", "Write whole numbers from 1.")
    return number


def fewer(heads: int, part: float) -> float:
    """Return how many heads are left without a part of them.

    Raises:
        SweepError: It is no part.
    """
    if not 0 <= part < 1:
        raise SweepError(f"{part:g} of the heads cannot be left out.", "Write a part from 0 to below 1.")
    return max(1, round(heads * (1 - part)))


def read_scopes(given: Sequence[str]) -> tuple[SteeredScope, ...]:
    """Return scopes by name.

    Raises:
        SweepError: There is no such scope.
    """
    if wrong := next((one for one in given if one not in get_args(SteeredScope)), None):
        raise SweepError(f"There is no scope {wrong!r}.", f"Choose among {', '.join(get_args(SteeredScope))}.")
    return tuple(dict.fromkeys(given))  # type: ignore[arg-type]


def read_temperatures(given: Sequence[str]) -> tuple[float, ...]:
    """Return temperatures as numbers.

    Raises:
        SweepError: One is none.
    """
    try:
        numbers = [float(word) for word in given]
    except ValueError:
        numbers = [-1.0]
    if any(not 0 <= number <= HOTTEST for number in numbers):
        raise SweepError(
            f"{', '.join(given)} are no temperatures.", f"Write for example 0,0.7; up to {HOTTEST:g}, and 0 is greedy."
        )
    return tuple(dict.fromkeys(numbers))
