from __future__ import annotations

import pytest

from boldface.evaluation.paper import Column, average, columns
from boldface.metrics.statistics import Estimate


def row(text: str) -> dict[Column, Estimate | None]:
    """A row of the paper's table, each column with a standard error of 1."""
    figures = [float(figure) for figure in text.replace("/", " ").split()]
    return {
        column: Estimate(figure, 1.0, figure, figure, 5000)
        for column, figure in zip(columns("BiasBios"), figures, strict=True)
    }


@pytest.mark.parametrize(
    ("figures", "mean"),
    [
        ("60.00/54.94 71.84/66.28 87.36 58.50/52.03", 67.29),
        ("18.55/12.71 39.14/35.17 90.62 57.74/50.52", 49.38),
        ("84.85/73.58 59.06/55.27 88.79 87.45/49.82", 73.45),
        ("88.16/49.08 83.65/81.31 93.54 98.82/99.03", 85.89),
        ("96.64/85.09 96.42/95.84 95.28 99.60/99.57", 95.46),
        ("88.42/74.49 92.12/91.44 96.36 99.24/99.35", 92.22),
        ("95.56/86.83 98.52/98.02 97.62 99.18/99.24", 96.57),
        ("28.83/25.09 39.88/36.19 72.76 42.14/42.02", 44.96),
        ("84.15/72.65 35.77/32.08 72.98 68.34/38.23", 59.65),
        ("91.50/18.63 92.96/91.34 94.96 98.62/98.79", 85.22),
    ],
)
def test_the_papers_averages(figures, mean):
    """The columns of the paper's tables 1 and 2 give its averages, up to rounding.

    Two of its rows do not: they give 42.12, not 42.15, for LLaMA-7B marked with quotes, and 96.54, not 96.71, for
    LLaMA-13B steered.
    """
    found = average(row(figures))
    assert found is not None
    assert found.mean == pytest.approx(mean, abs=0.006)


def test_the_error_of_the_average():
    """Columns of a task err together, tasks apart: four tasks of error 1 give 1/2."""
    found = average(row("60.00/54.94 71.84/66.28 87.36 58.50/52.03"))
    assert found is not None
    assert found.stderr == pytest.approx(0.5)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * 0.5, abs=1e-4)


def test_an_average_is_whole():
    """Without one of its columns there is no average."""
    figures = row("60.00/54.94 71.84/66.28 87.36 58.50/52.03")
    for column in figures:
        assert average(figures | {column: None}) is None
    assert average({}) is None


def test_the_sources_are_not_mixed():
    """Only CounterFact is a column of both averages."""
    assert {column.task for column in columns("wikibios")} & {column.task for column in columns("BiasBios")} == {
        "counterfact"
    }
