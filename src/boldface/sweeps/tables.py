"""The tables of a sweep: the front, all points, and the recommended one beside plain and placebos on other rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from boldface.evaluation.arms import find_arm
from boldface.evaluation.markdown import table_lines
from boldface.evaluation.numerals import SUFFIX, interval, with_error
from boldface.evaluation.table import NOTHING, Cell, Heading, Row, Table
from boldface.metrics.statistics import Estimate
from boldface.sweeps.choosing import Tried
from boldface.sweeps.measure import BASELINE, Measure
from boldface.sweeps.outcome import PARTS, Outcome
from boldface.tasks.task import Metric

FRONT, CHOSEN = "●", "★"
LEGEND = (
    f"Mean ± standard error. {FRONT} on the front: no other point is better in one objective and as good in the "
    f"others. {CHOSEN} recommended. *Placebos* should not help."
)


def front_table(outcome: Outcome) -> Table:
    """Return the plain model and the points of the front, the best of the first objective first."""
    return _points(outcome, "The front", outcome.front)


def all_table(outcome: Outcome) -> Table:
    """Return every point, in the order in which they were tried."""
    return _points(outcome, "All points", outcome.tried)


def part_table(outcome: Outcome, part: str) -> Table:
    """Return what the recommended point, the plain model and the placebos did on other rows, with intervals."""
    arms = outcome.parts[part]
    rows = next(iter(arms.values())).rows
    return Table(
        f"The recommended point on {rows} {PARTS[part]}",
        tuple(_heading(metric) for metric in outcome.metrics),
        tuple(
            Row(find_arm(arm), tuple(_cell(one.objectives, metric, whole=True) for metric in outcome.metrics))
            for arm, one in arms.items()
        ),
    )


def task_table(outcome: Outcome) -> Table:
    """Return the strict metric of every task: the plain model and the front."""
    names = list(outcome.plain.tasks)
    rows = [(BASELINE, outcome.plain), *((one.arm, one.measure) for one in outcome.front)]
    headings = (*(Heading(name, unit="%") for name in names), Heading("stuck", unit="%"))
    return Table(
        "Strict metric of each task",
        headings,
        tuple(
            Row(
                find_arm(arm),
                (
                    *(Cell(with_error(one.tasks[name], "share")) if name in one.tasks else NOTHING for name in names),
                    Cell(f"{100 * one.stuck:.1f}"),
                ),
            )
            for arm, one in rows
        ),
    )


def render_markdown(outcome: Outcome, *, whole: bool = False) -> str:
    """Return the sweep as text: what is recommended and why, the front, and the proof.

    Args:
        outcome: The sweep.
        whole: Whether all points are told, and the tasks one by one.
    """
    if outcome.is_ablation:
        sentences = [line for sentence in outcome.sentences() for line in (sentence, "")]
        return "\n".join([*table_lines(all_table(outcome)), "", "Mean ± standard error.", "", *sentences])
    tables = [front_table(outcome), *(part_table(outcome, part) for part in outcome.parts)]
    if whole:
        tables += [task_table(outcome), all_table(outcome)]
    lines = [f"- {sentence}" for sentence in outcome.sentences()]
    for table in tables:
        lines += ["", f"{table.title}:", "", *table_lines(table)]
    return "\n".join([*lines, "", LEGEND, ""])


def _points(outcome: Outcome, title: str, points: Sequence[Tried]) -> Table:
    headings = tuple(_heading(metric) for metric in outcome.metrics)
    rows = [Row(find_arm(BASELINE), _cells(outcome.plain, outcome.metrics))]
    rows += [Row(find_arm(one.arm), _cells(one.measure, outcome.metrics)) for one in points]
    if outcome.is_ablation:
        return Table(title, headings, tuple(rows))
    marks = [("", ""), *((str(one.number), _mark(outcome, one)) for one in points)]
    return Table(
        title,
        (Heading("point"), Heading(""), *headings),
        tuple(Row(row.arm, (*map(Cell, mark), *row.cells)) for mark, row in zip(marks, rows, strict=True)),
    )


def _mark(outcome: Outcome, one: Tried) -> str:
    return CHOSEN if one == outcome.chosen else FRONT if one.front else ""


def _cells(measure: Measure, metrics: Sequence[Metric]) -> tuple[Cell, ...]:
    return tuple(_cell(measure.objectives, metric) for metric in metrics)


def _cell(found: Mapping[str, Estimate], metric: Metric, *, whole: bool = False) -> Cell:
    estimate = found.get(metric.name)
    if estimate is None:
        return NOTHING
    between = interval(estimate.low, estimate.high, metric.unit)
    text = with_error(estimate, metric.unit)
    known = math.isfinite(estimate.stderr)
    return Cell(f"{text} {between}" if whole and known else text, note=f"95 % interval {between}" if known else "")


def _heading(metric: Metric) -> Heading:
    return Heading(metric.title, unit=SUFFIX[metric.unit], says=metric.says)
