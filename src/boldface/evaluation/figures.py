"""Where things stand in the plots: places in per cent of the plot's width and height, so that it fits any screen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from boldface.evaluation.arm import Arm
from boldface.evaluation.numerals import interval, with_error, written
from boldface.evaluation.table import Kind, kind_of
from boldface.metrics.statistics import Estimate
from boldface.tasks.task import Metric

_NARROW = (300.0, 240.0)
"""Pixels of the smallest plot: labels that are apart there are apart everywhere."""
_LABEL = (18.0, 13.0)
"""Pixels of a point's number."""
_TICKS = 5


@dataclass(frozen=True)
class Axis:
    """A scale from ``low`` to ``high`` with its ticks.

    Attributes:
        title: What it shows.
        low: Value at 0 %.
        high: Value at 100 %.
        ticks: Places in per cent, and what stands there.
    """

    title: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def place(self, value: float) -> float:
        """Return where a value stands, in per cent; what lies outside is put at the edge."""
        return round(100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 2)

    def places(self, estimate: Estimate) -> tuple[float, float]:
        """Return where an estimate's interval begins and ends."""
        low, high = _ends(estimate)
        return self.place(low), self.place(high)


@dataclass(frozen=True)
class Whisker:
    """One arm's mean and interval, in per cent of the width."""

    arm: Arm
    kind: Kind
    interval: tuple[float, float]
    mean: float
    text: str
    note: str


@dataclass(frozen=True)
class Whiskers:
    """A dot-and-whisker plot; ``reference`` is where the plain arm's mean stands."""

    axis: Axis
    rows: tuple[Whisker, ...]
    reference: float | None


@dataclass(frozen=True)
class Point:
    """One arm in two dimensions, with its whiskers, its number, and where that stands."""

    number: int
    arm: Arm
    kind: Kind
    x: float
    y: float
    x_whisker: tuple[float, float]
    y_whisker: tuple[float, float]
    label: tuple[float, float]
    note: str


@dataclass(frozen=True)
class Scatter:
    """A scatter plot; y grows upwards."""

    x_axis: Axis
    y_axis: Axis
    points: tuple[Point, ...]


def axis_of(metric: Metric, estimates: Iterable[Estimate]) -> Axis:
    """Return the scale of a metric: shares from 0 to 100 %, everything else as wide as the intervals."""
    if metric.unit == "share":
        low, high, step, count = 0.0, 1.0, 0.25, 4
    else:
        values = [value for estimate in estimates for value in (estimate.mean, *_ends(estimate))]
        least, most = min(values), max(values)
        step = _step(least, most)
        first, last = math.floor(least / step), math.ceil(most / step)
        count = max(last - first, 1)
        low, high = min(first * step, least), max((first + count) * step, most)  # products may be rounded inwards
    ticks = [low + (high - low) * number / count for number in range(count + 1)]
    title = f"{metric.title}, {'%' if metric.unit == 'share' else metric.unit}"
    axis = Axis(title, low, high, ())
    return Axis(title, low, high, tuple((axis.place(tick), _tick(tick, step, metric.unit)) for tick in ticks))


def whiskers(arms: Sequence[tuple[Arm, Estimate | None]], metric: Metric) -> Whiskers | None:
    """Return a plot of one metric by arm; None when no arm has it."""
    known = [(arm, estimate) for arm, estimate in arms if estimate is not None]
    if not known:
        return None
    axis = axis_of(metric, [estimate for _, estimate in known])
    rows = tuple(
        Whisker(
            arm,
            kind_of(arm),
            axis.places(estimate),
            axis.place(estimate.mean),
            with_error(estimate, metric.unit),
            f"95 % interval {interval(estimate.low, estimate.high, metric.unit)}",
        )
        for arm, estimate in known
    )
    return Whiskers(axis, rows, next((row.mean for row in rows if row.kind == "plain"), None))


def scatter(arms: Sequence[tuple[Arm, Estimate | None, Estimate | None]], x: Metric, y: Metric) -> Scatter | None:
    """Return a plot of two metrics by arm; None when fewer than two arms have both."""
    known = [(number, arm, a, b) for number, (arm, a, b) in enumerate(arms, 1) if a is not None and b is not None]
    if len(known) < 2:
        return None
    x_axis, y_axis = axis_of(x, [a for _, _, a, _ in known]), axis_of(y, [b for _, _, _, b in known])
    places = [(x_axis.place(a.mean), 100 - y_axis.place(b.mean)) for _, _, a, b in known]
    points = tuple(
        Point(
            number,
            arm,
            kind_of(arm),
            *place,
            x_axis.places(a),
            (100 - y_axis.places(b)[0], 100 - y_axis.places(b)[1]),
            label,
            f"{arm.title}: {x.title} {written(a.mean, x.unit)}, {y.title} {written(b.mean, y.unit)}",
        )
        for (number, arm, a, b), place, label in zip(known, places, _labels(places), strict=True)
    )
    return Scatter(x_axis, y_axis, points)


def _ends(estimate: Estimate) -> tuple[float, float]:
    """The interval; of no width where nothing can be said."""
    known = math.isfinite(estimate.high - estimate.low)
    return (estimate.low, estimate.high) if known else (estimate.mean, estimate.mean)


def _step(low: float, high: float) -> float:
    """A round distance between ticks: 1, 2 or 5 times a power of ten."""
    rough = max(high - low, abs(high) * 1e-3, 1e-9) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def _tick(value: float, step: float, unit: str) -> str:
    if unit == "share":
        return f"{value * 100:.0f}"
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}".replace("-", "−")


def _labels(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Place each point's number near it, away from the points and the other numbers, in per cent."""
    width, height = _NARROW
    dots = [(x / 100 * width, y / 100 * height) for x, y in places]
    taken: list[tuple[float, float]] = []

    def crowding(spot: tuple[float, float]) -> float:
        inside = 0 <= spot[0] <= width and 0 <= spot[1] <= height
        overlaps = sum(abs(spot[0] - x) < _LABEL[0] and abs(spot[1] - y) < _LABEL[1] for x, y in taken)
        covers = sum(abs(spot[0] - x) < _LABEL[0] / 2 + 4 and abs(spot[1] - y) < _LABEL[1] / 2 + 4 for x, y in dots)
        return overlaps * 2 + covers + (not inside) * 3

    for x, y in dots:
        spots = [
            (x + radius * math.cos(turn * math.pi / 8), y - radius * math.sin(turn * math.pi / 8))
            for radius in (13, 20, 28, 38, 50)
            for turn in (2, 0, 14, 6, 8, 10, 4, 12, 1, 3, 5, 7, 9, 11, 13, 15)
        ]
        taken.append(min(spots, key=crowding))
    return [(round(x / width * 100, 2), round(y / height * 100, 2)) for x, y in taken]
