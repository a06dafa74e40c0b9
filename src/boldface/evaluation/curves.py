"""Curves: what an arm's score does as its emphasis goes further wrong."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from boldface.evaluation.arm import Arm
from boldface.evaluation.arms import find_arm
from boldface.evaluation.figures import Axis, axis_of
from boldface.evaluation.noise import SCALES
from boldface.evaluation.numerals import interval, with_error
from boldface.evaluation.table import Kind, kind_of
from boldface.metrics.statistics import Estimate
from boldface.tasks.task import Metric


@dataclass(frozen=True)
class Dot:
    """One arm of a curve: its place and whisker in per cent of the plot, y from the top."""

    x: float
    y: float
    whisker: tuple[float, float]
    note: str


@dataclass(frozen=True)
class Curve:
    """An arm at every level of one kind of noise, without any first.

    Attributes:
        number: Its number in the key.
        arm: The arm without noise.
        kind: Its kind, for the colour.
        dots: Where it stands, by level.
        end: Where its number stands: per cent from the top.
    """

    number: int
    arm: Arm
    kind: Kind
    dots: tuple[Dot, ...]
    end: float


@dataclass(frozen=True)
class Curves:
    """One kind of noise.

    Attributes:
        x_axis: Levels, evenly spaced in their order.
        y_axis: The metric.
        curves: One an arm.
        reference: Where the plain arm stands: per cent from the top.
    """

    x_axis: Axis
    y_axis: Axis
    curves: tuple[Curve, ...]
    reference: float | None


def curves(estimates: Mapping[str, Estimate], metric: Metric) -> tuple[Curves, ...]:
    """Return a plot for every kind of noise that some arm has at two levels or more (none at all is one).

    Args:
        estimates: The metric by arm.
        metric: The metric.
    """
    noises = [(arm, arm.noise) for arm in map(find_arm, estimates) if arm.noise is not None]
    levels: dict[str, dict[str, dict[float, str]]] = {}
    for arm, noise in noises:
        if noise.kind in SCALES:
            levels.setdefault(noise.kind, {}).setdefault(arm.base, {})[noise.level] = arm.name
    for kind, by_base in levels.items():
        none = SCALES[kind].none
        if none is not None:
            for base, named in by_base.items():
                named |= {none: base} if base in estimates else {}
    bases = list(dict.fromkeys(base for by_base in levels.values() for base in by_base))
    plots = (_plot(kind, levels[kind], bases, estimates, metric) for kind in SCALES if kind in levels)
    return tuple(plot for plot in plots if plot is not None)


def _plot(
    kind: str,
    by_base: Mapping[str, Mapping[float, str]],
    bases: list[str],
    estimates: Mapping[str, Estimate],
    metric: Metric,
) -> Curves | None:
    told = {base: named for base, named in by_base.items() if len(named) > 1}
    if not told:
        return None
    steps = sorted({level for named in told.values() for level in named})
    places = {level: round(100 * place / (len(steps) - 1), 2) for place, level in enumerate(steps)}
    shown = [estimates[name] for named in told.values() for name in named.values()]
    y_axis = axis_of(metric, [*shown, *_of(estimates, "plain")])
    drawn = {
        base: tuple(
            Dot(
                places[level],
                100 - y_axis.place(estimates[name].mean),
                (100 - y_axis.places(estimates[name])[0], 100 - y_axis.places(estimates[name])[1]),
                f"{find_arm(name).title}: {with_error(estimates[name], metric.unit)}, "
                f"95 % interval {interval(estimates[name].low, estimates[name].high, metric.unit)}",
            )
            for level, name in sorted(named.items())
        )
        for base, named in told.items()
    }
    ends = _apart({base: dots[-1].y for base, dots in drawn.items()})
    ticks = tuple((place, f"{level:g}") for level, place in places.items())
    return Curves(
        Axis(SCALES[kind].title, steps[0], steps[-1], ticks),
        y_axis,
        tuple(
            Curve(bases.index(base) + 1, find_arm(base), kind_of(find_arm(base)), dots, ends[base])
            for base, dots in drawn.items()
        ),
        next((100 - y_axis.place(plain.mean) for plain in _of(estimates, "plain")), None),
    )


def _of(estimates: Mapping[str, Estimate], arm: str) -> Iterable[Estimate]:
    return [estimates[arm]] if arm in estimates else []


def _apart(ends: Mapping[str, float], gap: float = 6.0) -> dict[str, float]:
    """Move numbers that would cover each other apart, each no farther than it must, in per cent of the height."""
    order = sorted(ends, key=ends.__getitem__)
    placed = {name: ends[name] for name in order}
    for before, after in itertools.pairwise(order):
        placed[after] = max(placed[after], placed[before] + gap)
    return placed
