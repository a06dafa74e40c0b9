"""An ablation as curves: which arms belong together, and what was varied along them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from boldface.evaluation.arm import Arm
from boldface.evaluation.arms import find_arm
from boldface.sweeps.measure import Measure
from boldface.sweeps.outcome import Outcome

_FORMS = {"profile": "gains of the profile", "set": "gain 1 (the paper's form)"}


@dataclass(frozen=True)
class Series:
    """Arms that differ in one thing.

    Attributes:
        title: What they have in common.
        across: What was varied.
        points: Its value, and what the arm did, ascending.
        logarithmic: Whether equal factors are equally far apart.
        joined: Whether neighbours are joined by a line.
    """

    title: str
    across: str
    points: tuple[tuple[float, Measure], ...]
    logarithmic: bool = False
    joined: bool = True


def series_of(outcome: Outcome) -> list[Series]:
    """Return the curves of an ablation; none of a sweep, whose points differ in several things."""
    if not outcome.is_ablation:
        return []
    found = [(find_arm(one.arm), one.measure) for one in outcome.tried]
    if any(arm.only for arm, _ in found):
        return _grain(found)
    if any(arm.top is not None for arm, _ in found):
        return [
            Series(title, "Steered heads", _sorted((float(arm.top or 0), one) for arm, one in some), logarithmic=True)
            for title, some in _forms(found)
        ]
    return [
        Series(
            title,
            "alpha",
            _sorted((math.exp(-arm.strength), one) for arm, one in some if arm.strength is not None),
            logarithmic=True,
        )
        for title, some in _forms(found)
    ]


def _forms(found: Sequence[tuple[Arm, Measure]]) -> list[tuple[str, list[tuple[Arm, Measure]]]]:
    """The arms by whose gains they have."""
    some = ((title, [each for each in found if each[0].heads == heads]) for heads, title in _FORMS.items())
    return [(title, arms) for title, arms in some if arms]


def _grain(found: Sequence[tuple[Arm, Measure]]) -> list[Series]:
    """All heads, every layer, every head, by layer."""
    layers = [(arm, one) for arm, one in found if arm.only and "H" not in arm.only]
    heads = [(arm, one) for arm, one in found if "H" in arm.only]
    depth = [_layer(arm) for arm, _ in (*layers, *heads)]
    every = [one for arm, one in found if not arm.only]
    series = [
        Series("one layer", "Layer", _sorted((_layer(arm), one) for arm, one in layers)),
        Series("one head", "Layer", _sorted((_layer(arm), one) for arm, one in heads), joined=False),
    ]
    if every and depth:
        ends = (min(depth), max(depth))
        series.append(Series("all heads", "Layer", tuple((end, every[0]) for end in ends)))
    return [one for one in series if one.points]


def _layer(arm: Arm) -> float:
    return float(arm.only.removeprefix("L").partition("H")[0])


def _sorted(points: Iterable[tuple[float, Measure]]) -> tuple[tuple[float, Measure], ...]:
    return tuple(sorted(points, key=lambda point: point[0]))
