"""The paper's table, and beside it the strict metrics and every other task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from boldface.evaluation import paper
from boldface.evaluation.arms import find_arm
from boldface.evaluation.cells import Place, cells, reasons
from boldface.evaluation.numerals import SUFFIX, with_error
from boldface.evaluation.record import Case
from boldface.evaluation.results import Results
from boldface.evaluation.table import NOTHING, Cell, Heading, Row, Table


class View(NamedTuple):
    """What one summary is about: no table mixes settings, wordings or splits."""

    setting: str
    variant: str
    split: str

    def case(self, task: str) -> Case:
        """Return a task's case in this view."""
        return Case(task, self.setting, self.variant, self.split)

    def __str__(self) -> str:
        return f"{SETTING_WORDS[self.setting]}, {self.variant} wording, {self.split} split"


SETTING_WORDS = {"raw": "raw prompts", "chat": "chat template"}

AVERAGE = "The paper's: the mean of the four tasks' means (two columns of one task count half each)."
_PAPER = (("JSON", "F."), ("JSON", "P."), ("Pronouns", "Acc."), ("Pronouns", "A. Acc."), ("", "Acc."),
          ("CounterFact", "ES"), ("CounterFact", "PS"))  # fmt: skip
"""Groups and headings of the paper's columns (Zhang et al. 2024, table 1); the third task is called after its data."""
STRICT_AVERAGE = "The mean of the four tasks' means by the strict columns, CounterFact's neighbours left out. Ours."
_STRICT = (("JSON", "strict"), ("JSON", "strict, right"), ("Pronouns", "changed, kept"), ("", "Acc."),
           ("CounterFact", "ES"), ("CounterFact", "PS"))  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of a summary: a metric of a task under a heading."""

    task: str
    metric: str
    group: str
    text: str


def views(results: Results) -> list[View]:
    """Return the settings, wordings and splits of the results, in order of appearance."""
    return list(dict.fromkeys(View(case.setting, case.variant, case.split) for case in results.cases))


def arms_of(results: Results, cases: Iterable[Case]) -> list[str]:
    """Return the arms that were run in some cases, in the order of the whole; those too that answered nothing."""
    run = {arm for case in cases for arm in _run(results, case)}
    return [arm for arm in dict.fromkeys(arm for case in results.cases for arm in _run(results, case)) if arm in run]


def _run(results: Results, case: Case) -> list[str]:
    return [*results.arms(case), *results.contents.skipped.get(case, {})]


def sources(results: Results, view: View) -> list[str]:
    """Return whose biographies the paper's tasks of a view were run on; wikibios where only CounterFact was run."""
    there = {case.task for case in results.cases if case == view.case(case.task)}
    found = [source for source, tasks in paper.SOURCES.items() if there & set(tasks)]
    return found or (["wikibios"] if there & set(paper_tasks("wikibios")) else [])


def paper_tasks(source: str) -> list[str]:
    """Return the paper's four tasks, their biographies from ``source``."""
    return list(dict.fromkeys(column.task for column in paper.columns(source)))


def _columns(source: str) -> list[Column]:
    """The paper's columns without the average."""
    return [
        Column(column.task, column.metric, group or source, text)
        for column, (group, text) in zip(paper.columns(source), _PAPER, strict=True)
    ]


def _strict_columns(source: str) -> list[Column]:
    """What the paper's metrics let through, of the same answers, and whether the emphasised fact leaks."""
    columns = [
        Column(column.task, column.metric, group or source, text)
        for column, (group, text) in zip(paper.strict_columns(source), _STRICT, strict=True)
    ]
    return [*columns, Column("counterfact", "neighbourhood", "CounterFact", "neighbours")]


def summaries(results: Results, view: View) -> list[Table]:
    """Return the summary tables of a view: the paper's, the strict one, and the other tasks' headlines."""
    tables = []
    told: set[str] = set()
    for source in sources(results, view):
        told |= {*paper_tasks(source)}
        tables.append(_table(results, view, f"The paper's table ({source})", _columns(source), source))
        stricter = _strict_columns(source)
        if any(_place(results, view, column).metric for column in stricter):
            title = "The same answers by strict metrics"
            tables.append(_table(results, view, title, stricter, source, strict=True))
    rest = [case for case in results.cases if case == view.case(case.task) and case.task not in told]
    others = [
        Column(case.task, metric.name, results.tasks[case.task].title, metric.title)
        for case in rest
        for metric in results.metrics(case)[:1]
    ]
    return [*tables, _table(results, view, "The other tasks by their headline metrics", others)] if others else tables


def _place(results: Results, view: View, column: Column) -> Place:
    """A column's case and metric, each None where the results do not hold it."""
    case = view.case(column.task)
    title = results.tasks[column.task].title if column.task in results.tasks else column.task
    if case not in results.cases:
        return Place(title, None, None)
    return Place(title, case, next((metric for metric in results.metrics(case) if metric.name == column.metric), None))


def _table(
    results: Results, view: View, title: str, columns: Sequence[Column], source: str = "", *, strict: bool = False
) -> Table:
    """One table; with the average of the paper's tasks as its last column where ``source`` is given."""
    places = [_place(results, view, column) for column in columns]
    arms = arms_of(results, [place.case for place in places if place.case is not None])
    rows = cells(results, places, arms)
    headings = [
        Heading(column.text, column.group, SUFFIX[place.metric.unit], place.metric.says)
        if place.metric
        else Heading(column.text, column.group, "", "not run")
        for column, place in zip(columns, places, strict=True)
    ]
    if source:
        averages = [results.average(arm, *view, source=source, strict=strict) for arm in arms]
        headings.append(Heading("Average", "", "%", STRICT_AVERAGE if strict else AVERAGE))
        rows = [
            (*row, Cell(with_error(average, "share")) if average else NOTHING)
            for row, average in zip(rows, averages, strict=True)
        ]
    notes = reasons(results, places, arms)
    return Table(
        title, tuple(headings), tuple(Row(find_arm(arm), row) for arm, row in zip(arms, rows, strict=True)), notes
    )
