"""The tables of one case: every metric, the paired comparisons, and what each arm costs."""

from __future__ import annotations

from collections.abc import Sequence

from boldface.evaluation.arms import find_arm
from boldface.evaluation.cells import BASELINE, Place, cells, reasons
from boldface.evaluation.numerals import SUFFIX, interval, p_value, seconds, written
from boldface.evaluation.record import Case
from boldface.evaluation.results import Results
from boldface.evaluation.table import NOTHING, Cell, Heading, Row, Table, kind_of
from boldface.metrics.statistics import holm
from boldface.tasks.task import Metric

_PAIRED = ("minus", "difference", "95 % interval", "p", "p (Holm)", "pairs", "unpaired")
COST = (
    Heading("answered", says="Answers on file, of the examples that any arm was asked."),
    Heading("groups", says="Data rows whose examples are all answered: what the means are taken over."),
    Heading("n/a", says="Groups that lack a score of one of the task's own metrics."),
    Heading("median", says="Time of one answer, its share of its batch's time: median."),
    Heading("mean", says="Time of one answer, its share of its batch's time: mean."),
    Heading("× plain", says="Mean time, divided by the plain arm's."),
    Heading("prompt", unit="tokens", says="Mean length of the prompt, as the arm writes it."),
    Heading("answer", unit="tokens", says="Mean length of the answer."),
    Heading("steered", unit="tokens", says="Mean tokens of the prompt that carry a bias."),
    Heading("steered", unit="heads", says="Heads with a gain."),
)


def metric_tables(results: Results, case: Case) -> list[Table]:
    """Return the task's own metrics by arm, and those of every written answer where it has such."""
    own = results.tasks[case.task].metrics
    general = results.metrics(case)[len(own) :]
    tables = [_metric_table(results, case, "What was asked for", own)]
    return [*tables, _metric_table(results, case, "How the answers read", general)] if general else tables


def _metric_table(results: Results, case: Case, title: str, metrics: Sequence[Metric]) -> Table:
    arms = results.arms(case)
    places = [Place(results.tasks[case.task].title, case, metric) for metric in metrics]
    rows = cells(results, places, arms)
    headings = tuple(Heading(metric.title, unit=SUFFIX[metric.unit], says=metric.says) for metric in metrics)
    return Table(
        title,
        headings,
        tuple(Row(find_arm(arm), row) for arm, row in zip(arms, rows, strict=True)),
        reasons(results, places, arms),
    )


def pair_table(results: Results, case: Case) -> Table:
    """Return the headline's paired differences: every arm minus plain, and the steered arms minus every placebo."""
    metric, arms = results.metrics(case)[0], results.arms(case)
    steered = [arm for arm in arms if kind_of(find_arm(arm)) == "steered"]
    placebos = [arm for arm in arms if find_arm(arm).placebo and not find_arm(arm).base]
    pairs = [(arm, BASELINE) for arm in arms if arm != BASELINE] + [
        (arm, other) for arm in steered for other in placebos
    ]
    found = [(arm, against, results.difference(case, arm, metric.name, against=against)) for arm, against in pairs]
    adjusted = iter(holm([difference.p for _, _, difference in found if difference is not None]))
    rows = []
    for arm, against, difference in found:
        minus = Cell(f"− {find_arm(against).title}")
        if difference is None:
            rows.append(Row(find_arm(arm), (minus, *[NOTHING] * (len(_PAIRED) - 1))))
            continue
        texts = (
            written(difference.mean, metric.unit, signed=True),
            interval(difference.low, difference.high, metric.unit, signed=True),
            p_value(difference.p),
            p_value(next(adjusted)),
            str(difference.n),
            str(difference.missing),
        )
        rows.append(Row(find_arm(arm), (minus, *map(Cell, texts))))
    suffix = "points" if metric.unit == "share" else SUFFIX[metric.unit]
    unit = {"difference": suffix, "95 % interval": suffix}
    return Table(
        f"Paired differences: {metric.title}",
        tuple(Heading(text, unit=unit.get(text, "")) for text in _PAIRED),
        tuple(rows),
        ("Differences are taken group by group; unpaired groups, which only one of the two has, are left out.",),
    )


def cost_table(results: Results, case: Case) -> Table:
    """Return what each arm answered and took."""
    arms = results.arms(case)
    plain = results.cost(case, BASELINE) if BASELINE in arms else None
    rows = []
    for arm in arms:
        cost, coverage = results.cost(case, arm), results.coverage(case, arm)
        texts = (
            f"{coverage.answered} of {coverage.asked}",
            str(coverage.groups),
            str(coverage.n_a),
            seconds(cost.median),
            seconds(cost.mean),
            f"{cost.mean / plain.mean:.2f}" if plain and plain.mean else "n/a",
            *(f"{count:.0f}" for count in (cost.prompt_tokens, cost.answer_tokens)),
            *(f"{count:.0f}" for count in (cost.steered_tokens, cost.steered_heads)),
        )
        rows.append(Row(find_arm(arm), tuple(map(Cell, texts))))
    return Table("Rows, and cost of one", COST, tuple(rows), _skipped(results, case))


def _skipped(results: Results, case: Case) -> tuple[str, ...]:
    """What was not asked, and why; arms that answered nothing too."""
    return tuple(
        f"{find_arm(arm).title}: {count} examples not asked: {why}."
        for arm in dict.fromkeys([*results.arms(case), *results.contents.skipped.get(case, {})])
        for why, count in results.coverage(case, arm).skipped.items()
    )
