"""A table as a report shows it: text in cells, ready to be read as a page or as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from boldface.evaluation.arm import Arm
from boldface.metrics.statistics import Difference, holm
from boldface.tasks.task import Metric

Kind = Literal["plain", "written", "steered", "rival", "placebo"]
KINDS: Mapping[Kind, str] = {
    "plain": "the untouched model",
    "written": "emphasis written into the prompt",
    "steered": "steered by the profile",
    "rival": "other rules, heads, strengths or spans",
    "placebo": "placebo: should not help",
}

CERTAIN = 0.05
"""A difference is certain when its p value, adjusted by Holm over the whole table, is below this."""
MARKS = {"better": "▲", "worse": "▼", "different": "◆"}


@dataclass(frozen=True)
class Cell:
    """What stands at one place.

    Attributes:
        text: The words or numbers.
        mark: Whether it differs with certainty from the plain model's, and which way.
        best: Whether it is the best of its column.
        note: What the cell says besides, on hover.
    """

    text: str
    mark: str = ""
    best: bool = False
    note: str = ""


NOTHING = Cell("n/a")


@dataclass(frozen=True)
class Heading:
    """Head of a column: what stands over it, its group, its unit, and its definition."""

    text: str
    group: str = ""
    unit: str = ""
    says: str = ""


@dataclass(frozen=True)
class Row:
    """One arm's cells, in the order of the headings."""

    arm: Arm
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: What it is.
        headings: Its columns, without that of the arms.
        rows: One for each arm.
        notes: Sentences below it.
    """

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def marked(self) -> bool:
        """Whether any cell has a mark."""
        return any(cell.mark for row in self.rows for cell in row.cells)

    @property
    def groups(self) -> tuple[tuple[str, int], ...]:
        """Neighbouring headings of one group: its name and how many there are."""
        groups: list[tuple[str, int]] = []
        for heading in self.headings:
            if groups and heading.group and groups[-1][0] == heading.group:
                groups[-1] = (heading.group, groups[-1][1] + 1)
            else:
                groups.append((heading.group, 1))
        return tuple(groups)


def kind_of(arm: Arm) -> Kind:
    """Return what kind of arm this is, which decides its colour and shape."""
    if arm.placebo:
        return "placebo"
    if arm.emphasis == "none":
        return "plain" if arm.writing == "plain" else "written"
    ours = arm.heads == "profile" and arm.rule == "pasta" and arm.writing == "plain"
    return "steered" if ours and arm.noise is None else "rival"


def marks(compared: Sequence[tuple[Difference | None, Metric]]) -> list[str]:
    """Return for every comparison with the plain arm which way it differs with certainty; empty where it does not.

    The p values are adjusted together (Holm), so that a table's marks are all right with a chance of 95 %.
    """
    known = [difference.p for difference, _ in compared if difference is not None]
    adjusted = iter(holm(known))
    found = []
    for difference, metric in compared:
        if difference is None or next(adjusted) >= CERTAIN or difference.mean == 0:
            found.append("")
        elif metric.better is None:
            found.append("different")
        else:
            found.append("better" if (difference.mean > 0) == (metric.better == "higher") else "worse")
    return found
