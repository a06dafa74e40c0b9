"""The cells of a table of means: each with its error, its mark against the plain arm, and why it is empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from boldface.evaluation.arms import find_arm
from boldface.evaluation.numerals import interval, p_value, with_error
from boldface.evaluation.record import Case
from boldface.evaluation.results import Results
from boldface.evaluation.table import NOTHING, Cell, marks
from boldface.metrics.statistics import Difference, Estimate
from boldface.tasks.task import Metric

BASELINE = "plain"


@dataclass(frozen=True)
class Place:
    """A column: a metric of a case; None where the results hold no such case or metric.

    Attributes:
        task: Title of the task, for the reason why a cell is empty.
        case: What was asked.
        metric: What is measured.
    """

    task: str
    case: Case | None
    metric: Metric | None


def cells(results: Results, places: Sequence[Place], arms: Sequence[str]) -> list[tuple[Cell, ...]]:
    """Return a row of cells for each arm; the marks are adjusted over all of them together."""
    grid = [[_measured(results, place, arm) for place in places] for arm in arms]
    compared = [(difference, place.metric) for row in grid for (_, difference), place in zip(row, places, strict=True)]
    signs = iter(marks([(difference, metric) for difference, metric in compared if metric is not None]))
    best = [_best(place, arms, [row[column][0] for row in grid]) for column, place in enumerate(places)]
    return [
        tuple(
            NOTHING if place.metric is None else _cell(estimate, difference, place.metric, next(signs), arm in best[at])
            for at, ((estimate, difference), place) in enumerate(zip(row, places, strict=True))
        )
        for arm, row in zip(arms, grid, strict=True)
    ]


def reasons(results: Results, places: Sequence[Place], arms: Sequence[str]) -> tuple[str, ...]:
    """Return why cells are empty, one sentence a reason."""
    empty: dict[str, dict[str, None]] = {}
    for place in places:
        if place.case is None or place.metric is None:
            empty.setdefault("not run", {})[place.task] = None
            continue
        for arm in arms:
            if results.estimate(place.case, arm, place.metric.name) is None:
                why = f"{find_arm(arm).title}, {_why(results, place.case, arm, place.metric)}"
                empty.setdefault(why, {})[place.task] = None
    return tuple(f"n/a: {why}: {', '.join(tasks)}." for why, tasks in empty.items())


def _why(results: Results, case: Case, arm: str, metric: Metric) -> str:
    """Why an arm has no figure."""
    coverage = results.coverage(case, arm)
    if coverage.answered:
        return f"{metric.title} cannot be computed" if coverage.groups else "no group was answered wholly"
    return "; ".join(coverage.skipped) or "not run"


def _measured(results: Results, place: Place, arm: str) -> tuple[Estimate | None, Difference | None]:
    if place.case is None or place.metric is None:
        return None, None
    estimate = results.estimate(place.case, arm, place.metric.name)
    if estimate is None or arm == BASELINE:
        return estimate, None
    return estimate, results.difference(place.case, arm, place.metric.name, against=BASELINE)


def _cell(estimate: Estimate | None, difference: Difference | None, metric: Metric, mark: str, best: bool) -> Cell:
    if estimate is None:
        return NOTHING
    note = f"95 % interval {interval(estimate.low, estimate.high, metric.unit)}, n = {estimate.n}"
    if difference is not None:
        signed = interval(difference.low, difference.high, metric.unit, signed=True)
        note += f"; minus plain {signed}, p {p_value(difference.p)} before adjustment"
    return Cell(with_error(estimate, metric.unit), mark, best, note)


def _best(place: Place, arms: Sequence[str], estimates: Sequence[Estimate | None]) -> set[str]:
    """The arms with the best mean of a column, placebos apart; none where all are alike or neither way is better."""
    means = {
        arm: estimate.mean
        for arm, estimate in zip(arms, estimates, strict=True)
        if estimate is not None and not find_arm(arm).placebo
    }
    if place.metric is None or place.metric.better is None or len(set(means.values())) < 2:
        return set()
    best = max(means.values()) if place.metric.better == "higher" else min(means.values())
    return {arm for arm, mean in means.items() if mean == best}
