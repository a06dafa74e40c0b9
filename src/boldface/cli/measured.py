"""What ``boldface evaluate`` shows: the bar while it runs, and the tables afterwards."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from boldface.cli import terminal
from boldface.engine.fingerprint import fingerprint
from boldface.engine.model import Model
from boldface.evaluation.compare import Row, compare, unmatched
from boldface.evaluation.markdown import render_markdown
from boldface.evaluation.numerals import interval, p_value, with_error, written
from boldface.evaluation.record import session_line
from boldface.evaluation.report import render_html
from boldface.evaluation.results import Results
from boldface.evaluation.run import Request, Step, evaluate
from boldface.evaluation.tune import tuned
from boldface.metrics.statistics import Estimate
from boldface.profiles.heads import HeadGains
from boldface.records.store import Store, key_of
from boldface.tasks.data import Data


def run(
    model: Model,
    request: Request,
    data: Data,
    path: Path,
    profile: tuple[HeadGains, float] | None,
    *,
    tune: int | None,
    route: str,
    session: Mapping[str, Any],
) -> None:
    """Evaluate with a bar on standard error, keeping every answer in ``path``."""
    with Store(path, facts(model, profile, request.seed)) as store:
        store.append([session_line(**session, threads=torch.get_num_threads(), cpu=platform.processor() or "")])
        if tune is not None:
            with _bar() as bar:
                request = tuned(model, request, data, store, profile=profile, rows=tune, watch=_Watch(bar, "tuning"))
        with _bar() as bar:
            evaluate(model, request, data, store, profile=profile, watch=_Watch(bar), route=route)


def facts(model: Model, profile: tuple[HeadGains, float] | None, seed: int) -> dict[str, Any]:
    """Return what every answer of a file depends on."""
    gains, strength = profile or (HeadGains(), 0.0)
    steered = {"heads": len(gains), "strength": strength, "digest": key_of(gains=str(gains), strength=strength)}
    return {
        "model": model.name,
        "fingerprint": fingerprint(model.model, model.tokenizer),
        "dtype": str(model.model.dtype).removeprefix("torch."),
        "device": str(model.model.device),
        "profile": steered if profile else None,
        "seed": seed,
        "boldface": version("boldface"),
        "torch": version("torch"),
        "transformers": version("transformers"),
    }


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


class _Rate(ProgressColumn):
    """Answers a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "–/s", style="progress.data.speed")


class _Watch:
    """Moves the bar; what stood in the file already does not count for the rate."""

    def __init__(self, bar: Progress, verb: str = "evaluating") -> None:
        self.bar, self.verb = bar, verb
        self.line = bar.add_task(verb, total=None)

    def __call__(self, step: Step) -> None:
        where = f"{self.verb} {step.case.task} ({step.case.setting}), {step.arm}"
        self.bar.update(self.line, description=where, total=step.total, advance=step.done)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=terminal.margin(),
        transient=True,
    )
