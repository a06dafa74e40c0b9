"""Scores as a table, whatever their nesting."""

from __future__ import annotations

from typing import Any

import pytest

from boldface.cli.profiles.scores import scores_table


def cells(scores: dict[str, Any]) -> list[list[str]]:
    """The rows of the table, as text."""
    table = scores_table(scores)
    return [list(map(str, row)) for row in zip(*(column.cells for column in table.columns), strict=True)]


@pytest.mark.parametrize(
    ("scores", "rows"),
    [
        ({}, []),
        ({"split": "test"}, []),
        ({"a": {"t": {"m": 0.5, "m stderr": 0.25}}}, [["t · m", "0.5 ± 0.25"]]),
        ({"a": {"t": {"m": 0.5, "m error": 0.25}}}, [["t · m", "0.5 ± 0.25"]]),
        ({"a": {"t": {"m": {"mean": 0.5, "stderr": 0.25}}}}, [["t · m", "0.5 ± 0.25"]]),
        ({"a": {"t": {"mean": 0.5, "low": 0.25, "high": 0.75}}}, [["t", "0.5 (0.25 to 0.75)"]]),
        ({"a": {"mean": 0.5}}, [["all", "0.5"]]),
        ({"a": {"m": 1}, "b": {"m": 2, "n": 3}}, [["m", "1", "2"], ["n", "", "3"]]),
        ({"a": {"m stderr": 0.25}}, [["m stderr", "0.25"]]),
        ({"a": {"m": None}}, [["m", "None"]]),
    ],
)
def test_scores_are_told_with_their_errors(scores: dict[str, Any], rows: list[list[str]]) -> None:
    """A row a metric, a column an arm, errors beside their means."""
    assert cells(scores) == rows


def test_what_belongs_to_all_is_the_caption() -> None:
    """Split, type and the like, to the letter."""
    assert str(scores_table({"split": "[test]", "rows": 20, "a": {"m": 1}}).caption) == "split [test], rows 20"
