"""A sweep as a picture for papers and slides, drawn by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from boldface.evaluation.numerals import SUFFIX
from boldface.metrics.statistics import Estimate
from boldface.sweeps.curves import Series, series_of
from boldface.sweeps.measure import Measure
from boldface.sweeps.outcome import Outcome
from boldface.tasks.task import Metric

KINDS = (".svg", ".png", ".pdf")
_WIDE, _HIGH = 4.6, 3.7
"""Inches of one plot."""
_BLUE, _RED, _GREY = "#1f5fa8", "#c0392b", "#9a9a9a"
_FORMS = ("o-", "s--", "^:")


def draw(outcome: Outcome, path: Path) -> None:
    """Draw the exchange of the first objective for every other one; of an ablation, every objective by what was varied.

    Args:
        outcome: The sweep.
        path: The picture; its ending says which kind.
    """
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams.update({"svg.hashsalt": "boldface", "font.size": 9, "axes.spines.top": False})
    from matplotlib import pyplot

    varied = series_of(outcome)
    count = len(outcome.weighed) if varied else max(1, len(outcome.weighed) - 1)
    figure, axes = pyplot.subplots(1, count, figsize=(_WIDE * count, _HIGH), squeeze=False, layout="constrained")
    if varied:
        for place, metric in zip(axes[0], outcome.weighed, strict=True):
            _curves(place, metric, varied, outcome.plain)
    else:
        for place, metric in zip(axes[0], outcome.weighed[1:] or outcome.weighed, strict=True):
            _exchange(place, outcome, metric)
    axes[0][0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=160, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def _exchange(axes: Any, outcome: Outcome, across: Metric) -> None:
    """The first objective up, another one across: all points, the front, the plain model, the recommended point."""
    up = outcome.weighed[0]

    def at(measures: Sequence[Measure]) -> tuple[list[float], list[float]]:
        return (
            [_shown(one.objectives[across.name].mean, across) for one in measures],
            [_shown(one.objectives[up.name].mean, up) for one in measures],
        )

    rest = [one.measure for one in outcome.tried if not one.front]
    front = [one.measure for one in outcome.front]
    axes.plot(*at(rest), "o", color=_GREY, markersize=3.5, label="points")
    axes.plot(*at(front), "o", color=_BLUE, markersize=5, label="the front")
    axes.plot(*at([outcome.plain]), "s", color="black", markersize=6, label="plain")
    if outcome.chosen is not None:
        x, y = (outcome.chosen.measure.objectives[metric.name] for metric in (across, up))
        axes.errorbar(
            _shown(x.mean, across),
            _shown(y.mean, up),
            xerr=_whisker(x, across),
            yerr=_whisker(y, up),
            fmt="*",
            color=_RED,
            markersize=13,
            capsize=2,
            label="recommended",
        )
    axes.set_xlabel(_title(across))
    axes.set_ylabel(_title(up))
    axes.grid(alpha=0.25)


def _curves(axes: Any, metric: Metric, varied: Sequence[Series], plain: Measure) -> None:
    """One objective by what was varied, with its 95 % intervals."""
    for form, series in zip(_FORMS, varied, strict=False):
        known = [(x, one.objectives[metric.name]) for x, one in series.points if metric.name in one.objectives]
        found = [one for _, one in known]
        axes.errorbar(
            [x for x, _ in known],
            [_shown(one.mean, metric) for one in found],
            yerr=[side for side in zip(*(_sides(one, metric) for one in found), strict=True)],
            fmt=form if series.joined else form[0],
            markersize=4 if series.joined else 3,
            capsize=2 if series.joined else 0,
            alpha=1.0 if series.joined else 0.45,
            linewidth=1,
            label=series.title,
        )
    if metric.name in plain.objectives:
        axes.axhline(_shown(plain.objectives[metric.name].mean, metric), color="black", linestyle=":", label="plain")
    if varied[0].logarithmic:
        axes.set_xscale("log")
        axes.set_xticks(
            [x for x, _ in varied[0].points], [f"{x:.2g}" if x < 1 else f"{x:g}" for x, _ in varied[0].points]
        )
        axes.minorticks_off()
    axes.set_xlabel(varied[0].across)
    axes.set_ylabel(_title(metric))
    axes.grid(alpha=0.25)


def _shown(value: float, metric: Metric) -> float:
    return 100 * value if metric.unit == "share" else value


def _sides(estimate: Estimate, metric: Metric) -> tuple[float, float]:
    """How far the interval reaches down and up; nowhere where nothing can be said."""
    if not math.isfinite(estimate.high - estimate.low):
        return 0.0, 0.0
    low, high = estimate.mean - estimate.low, estimate.high - estimate.mean
    return max(0.0, _shown(low, metric)), max(0.0, _shown(high, metric))


def _whisker(estimate: Estimate, metric: Metric) -> list[list[float]]:
    return [[side] for side in _sides(estimate, metric)]


def _title(metric: Metric) -> str:
    unit = SUFFIX[metric.unit]
    return f"{metric.title}, {unit}" if unit else metric.title
