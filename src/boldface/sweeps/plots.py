"""Where things stand in the plots of the page: places in per cent of the plot, so that it fits any screen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from boldface.evaluation.figures import Axis, axis_of
from boldface.evaluation.numerals import interval, with_error
from boldface.evaluation.table import Kind
from boldface.metrics.statistics import Estimate
from boldface.sweeps.choosing import Tried
from boldface.sweeps.curves import Series, series_of
from boldface.sweeps.measure import Measure
from boldface.sweeps.outcome import Outcome
from boldface.tasks.task import Metric

_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Of an axis of equal factors."""


@dataclass(frozen=True)
class Dot:
    """A measured point, in per cent, y from the top.

    Attributes:
        x: Across.
        y: Down.
        low: Lower end of its interval.
        high: Upper end.
        number: What stands beside it; empty where nothing does.
        note: What it says on hover.
    """

    x: float
    y: float
    low: float
    high: float
    number: str
    note: str


@dataclass(frozen=True)
class Group:
    """Points of one kind.

    Attributes:
        title: What they are.
        kind: For the colour.
        name: For the shape: ``rest``, ``front``, ``chosen``, ``plain`` or ``line``.
        dots: The points.
    """

    title: str
    kind: Kind
    name: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Plot:
    """One plot; ``reference`` is where the plain model stands, in per cent from the top."""

    x_axis: Axis
    y_axis: Axis
    groups: tuple[Group, ...]
    reference: float | None = None


def plots(outcome: Outcome) -> list[Plot]:
    """Return the first objective against every other one; of an ablation, every objective by what was varied."""
    if varied := series_of(outcome):
        return [_varied(metric, varied, outcome.plain) for metric in outcome.weighed]
    return [_exchange(outcome, metric) for metric in outcome.weighed[1:] or outcome.weighed]


def _exchange(outcome: Outcome, across: Metric) -> Plot:
    up = outcome.weighed[0]
    measures = [outcome.plain, *(one.measure for one in outcome.tried)]
    x_axis, y_axis = (
        axis_of(metric, [one.objectives[metric.name] for one in measures if metric.name in one.objectives])
        for metric in (across, up)
    )

    def dot(measure: Measure, number: str, title: str) -> Dot:
        return _dot(
            x_axis.place(measure.objectives[across.name].mean),
            y_axis,
            measure.objectives[up.name],
            number,
            f"{title}: {_said(measure, (up, across))}",
        )

    def dots(points: Iterable[Tried], *, numbered: bool) -> tuple[Dot, ...]:
        return tuple(
            dot(one.measure, str(one.number) if numbered else "", f"point {one.number}, {one.point}") for one in points
        )

    front = [one for one in outcome.front if one != outcome.chosen]
    groups = [
        Group("points", "placebo", "rest", dots((one for one in outcome.tried if not one.front), numbered=False)),
        Group("the front", "rival", "front", dots(front, numbered=True)),
        Group("plain", "plain", "plain", (dot(outcome.plain, "", "plain"),)),
    ]
    if outcome.chosen is not None:
        groups.append(Group("recommended", "steered", "chosen", dots([outcome.chosen], numbered=True)))
    return Plot(x_axis, y_axis, tuple(group for group in groups if group.dots))


def _varied(metric: Metric, varied: Sequence[Series], plain: Measure) -> Plot:
    known = [one.objectives[metric.name] for series in varied for _, one in series.points if _tells(one, metric)]
    there = [plain.objectives[metric.name]] if _tells(plain, metric) else []
    y_axis, x_axis = axis_of(metric, [*known, *there]), _across(varied)
    kinds: tuple[Kind, ...] = ("steered", "rival", "written")
    groups = tuple(
        Group(
            series.title,
            kind,
            "line" if series.joined else "rest",
            tuple(
                _dot(
                    _placed(x_axis, x, logarithmic=series.logarithmic),
                    y_axis,
                    one.objectives[metric.name],
                    "",
                    f"{series.title}, {series.across.lower()} {x:.3g}: {_said(one, (metric,))}",
                )
                for x, one in series.points
                if _tells(one, metric)
            ),
        )
        for series, kind in zip(varied, kinds, strict=False)
    )
    reference = 100 - y_axis.place(there[0].mean) if there else None
    return Plot(x_axis, y_axis, groups, reference)


def _across(varied: Sequence[Series]) -> Axis:
    """The axis of what was varied; of factors its ends are logarithms."""
    values = [x for series in varied for x, _ in series.points]
    low, high = min(values), max(values)
    if not varied[0].logarithmic:
        axis = Axis(varied[0].across, low, max(high, low + 1), ())
        step = max(1, round((high - low) / 6))
        ticks = range(round(low), round(high) + 1, step)
        return Axis(axis.title, axis.low, axis.high, tuple((axis.place(tick), f"{tick:g}") for tick in ticks))
    axis = Axis(varied[0].across, math.log(low), math.log(high) if high > low else math.log(low) + 1, ())
    there = [tick for tick in _TICKS if low <= tick <= high]
    return Axis(axis.title, axis.low, axis.high, tuple((axis.place(math.log(tick)), f"{tick:g}") for tick in there))


def _placed(axis: Axis, value: float, *, logarithmic: bool) -> float:
    return axis.place(math.log(value) if logarithmic else value)


def _tells(measure: Measure, metric: Metric) -> bool:
    return metric.name in measure.objectives


def _dot(x: float, y_axis: Axis, estimate: Estimate, number: str, note: str) -> Dot:
    low, high = y_axis.places(estimate)
    return Dot(x, 100 - y_axis.place(estimate.mean), 100 - low, 100 - high, number, note)


def _said(measure: Measure, metrics: Iterable[Metric]) -> str:
    found = ((metric, measure.objectives[metric.name]) for metric in metrics if _tells(measure, metric))
    return "; ".join(
        f"{metric.title} {with_error(one, metric.unit)}, 95 % interval {interval(one.low, one.high, metric.unit)}"
        for metric, one in found
    )
