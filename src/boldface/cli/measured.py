"""What ``boldface evaluate`` shows in the end: the tables, the page, and two files side by side; no model is run."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from rich.table import Table

from boldface.cli import terminal
from boldface.errors import BoldfaceError, RecordError
from boldface.evaluation.compare import Row, compare, unmatched
from boldface.evaluation.markdown import render_markdown
from boldface.evaluation.numerals import interval, p_value, with_error, written
from boldface.evaluation.report import render_html
from boldface.evaluation.results import Results
from boldface.metrics.statistics import Estimate
from boldface.records.store import differing


def together(paths: list[Path]) -> Results:
    """Return the results of files as those of one run.

    Raises:
        RecordError: A file cannot be read, or their answers depend on different facts.
    """
    results = Results.load(paths)
    (first, facts), *others = results.facts.items()
    for path, there in others:
        if names := differing(facts, there):
            raise RecordError(
                f"{first} and {path} are no one run: they differ in {', '.join(names)}.",
                "Show them one by one, or beside each other: boldface evaluate --compare A B.",
            )
    return results


def check_places(*paths: Path | None) -> None:
    """Refuse files that cannot be written, before anything runs for them.

    Raises:
        BoldfaceError: One is a folder, or its folder is a file.
    """
    for path in filter(None, paths):
        if path.is_dir():
            raise BoldfaceError(f"{path} is a folder.", "Name a file.")
        if folder := next((folder for folder in path.parents if folder.exists() and not folder.is_dir()), None):
            raise BoldfaceError(f"{folder} is a file, not a folder.", "Name a file elsewhere.")


def show(results: Results, report: Path | None, markdown: Path | None) -> None:
    """Write what was asked for, and the summary to standard output."""
    text = render_markdown(results)
    if markdown is not None:
        _keep(markdown, text)
    if report is not None:
        _keep(report, render_html(results))
    terminal.write(text)


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    terminal.note(f"Wrote {path}.")


def show_comparison(first: Path, second: Path) -> None:
    """Print the paired differences of two files, and what only one of them holds."""
    a, b = Results.load([first]), Results.load([second])
    rows = compare(a, b)
    screen = terminal.screen()
    for case, of_case in groupby(rows, key=lambda row: row.case):
        table = Table(title=", ".join(case), title_justify="left")
        for heading in ("arm", "metric"):
            table.add_column(heading)
        for heading in ("A", "B", "B - A", "95 %", "p (Holm)", "pairs"):
            table.add_column(heading, justify="right")
        for row in of_case:
            table.add_row(row.arm_a, row.metric.title, _said(row, row.a), _said(row, row.b), *_difference(row))
        screen.print(table)
    for name, only in zip((first, second), unmatched(a, b), strict=True):
        for case, arm in only:
            terminal.note(f"Only in {name}: {', '.join(case)}, {arm}.")


def _said(row: Row, estimate: Estimate | None) -> str:
    return "n/a" if estimate is None else with_error(estimate, row.metric.unit)


def _difference(row: Row) -> tuple[str, str, str, str]:
    found, unit = row.difference, row.metric.unit
    if found is None or row.holm is None:
        return "n/a", "", "", "0"
    alone = f" ({found.missing} alone)" if found.missing else ""
    between = interval(found.low, found.high, unit, signed=True)
    return written(found.mean, unit, signed=True), between, p_value(row.holm), f"{found.n}{alone}"
