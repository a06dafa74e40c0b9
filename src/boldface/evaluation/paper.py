"""The columns of the paper's tables, and its "average" (PASTA, Zhang et al. 2024, tables 1 and 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from boldface.metrics.statistics import Estimate, mean_of


class Column(NamedTuple):
    """One column.

    Attributes:
        task: Name of the task.
        metric: Name of its metric.
    """

    task: str
    metric: str


SOURCES = {
    "wikibios": ("json", "pronouns", "wikibios"),
    "BiasBios": ("biasbios-json", "biasbios-pronouns", "biasbios"),
}
"""Whose biographies: the names of the three tasks on them. The fourth is CounterFact. Never mixed in one average."""


def columns(source: str) -> tuple[Column, ...]:
    """Return the paper's columns in its order, the biographies from ``source``."""
    return _columns(source, ("format", "prediction"), ("sub", "all"))


def strict_columns(source: str) -> tuple[Column, ...]:
    """Return the strict metrics of the same four tasks; where the paper's cannot be won by an empty answer, those."""
    return _columns(source, ("strict", "strict_right"), ("changed",))


def _columns(source: str, of_json: tuple[str, ...], of_pronouns: tuple[str, ...]) -> tuple[Column, ...]:
    json, pronouns, occupation = SOURCES[source]
    return (
        *(Column(json, metric) for metric in of_json),
        *(Column(pronouns, metric) for metric in of_pronouns),
        Column(occupation, "top1"),
        Column("counterfact", "efficacy"),
        Column("counterfact", "paraphrase"),
    )


def average(estimates: Mapping[Column, Estimate | None]) -> Estimate | None:
    """Return the paper's average: the mean of the tasks' means, each the mean of its columns; None when one is missing.

    The paper does not say how; this is how its own columns give its figures (95.46, 67.29, 49.38). Error:
    columns of one task are of the same rows, so theirs add up; the tasks are taken to be independent.
    """
    by_task: dict[str, list[Estimate]] = {}
    for column, estimate in estimates.items():
        if estimate is None:
            return None
        by_task.setdefault(column.task, []).append(estimate)
    return mean_of([mean_of(of_task, alike=True) for of_task in by_task.values()], alike=False) if by_task else None
