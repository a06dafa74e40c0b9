"""The summary as Markdown: the tables with their errors, what they say, and the command that made them."""

from __future__ import annotations

import re
import unicodedata

from boldface.evaluation.cells import BASELINE
from boldface.evaluation.findings import findings
from boldface.evaluation.report import models
from boldface.evaluation.results import Results
from boldface.evaluation.summary import arms_of, summaries, views
from boldface.evaluation.table import CERTAIN, MARKS, Table

_LEGEND = (
    f"Mean ± standard error; {MARKS['better']} better, {MARKS['worse']} worse than plain (paired, p < {CERTAIN} after "
    "Holm's adjustment over the table); bold: best of its column; *placebos* should not help; n/a cannot be computed."
)
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&])")


def render_markdown(results: Results) -> str:
    """Return the summary tables and findings of every view that has the plain arm, and the commands."""
    lines = [f"**{_escaped(', '.join(models(results)))}**", ""]
    for view in views(results):
        cases = [case for case in results.cases if case == view.case(case.task)]
        if BASELINE not in arms_of(results, cases):
            continue
        lines += [f"{str(view)[:1].upper()}{str(view)[1:]}.", ""]
        for table in summaries(results, view):
            lines += [f"{_escaped(table.title)}:", "", *table_lines(table), ""]
            lines += [f"{_escaped(note)}  " for note in table.notes] + [""] * bool(table.notes)
        for finding in findings(results, view):
            lines.append(f"- {_escaped(finding.subject)}: {finding.verdict}. {_escaped(finding.text)}")
        lines.append("")
    lines.append(_LEGEND)
    commands = dict.fromkeys(str(session["command"]) for session in results.notes("session") if session.get("command"))
    if commands:
        lines += ["", "```sh", *commands, "```"]
    return "\n".join(lines) + "\n"


def table_lines(table: Table) -> list[str]:
    """Return a table as lines; its columns are padded, so that it can be read as it stands too."""
    heads = [
        _escaped(" ".join(filter(None, (heading.group, heading.text, heading.unit)))) for heading in table.headings
    ]
    rows = [["arm", *heads]]
    for row in table.rows:
        title = _escaped(row.arm.title)
        cells = [f"{f'**{cell.text}**' if cell.best else cell.text}{_sign(cell.mark)}" for cell in row.cells]
        rows.append([f"*{title}*" if row.arm.placebo else title, *cells])
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = [_line([_padded(cell, width, at) for at, (cell, width) in enumerate(zip(row, widths, strict=True))])
             for row in rows]  # fmt: skip
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [lines[0], _line(rule), *lines[1:]]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _sign(mark: str) -> str:
    return f" {MARKS[mark]}" if mark else ""


def _padded(cell: str, width: int, column: int) -> str:
    gap = " " * (width - _width(cell))
    return gap + cell if column else cell + gap


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _escaped(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
