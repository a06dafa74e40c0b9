"""``boldface profiles make`` at work: trials run and kept, progress told, and what came out shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from boldface.cli import terminal
from boldface.cli.measuring import facts
from boldface.cli.profiles.scores import scores_table
from boldface.engine.model import Model
from boldface.profiles.profile import Profile
from boldface.profiling import laboratory
from boldface.profiling.laboratory import Budget, Laboratory, Watch, Workers
from boldface.profiling.local import Local
from boldface.profiling.make import gathered, make
from boldface.profiling.order import Order
from boldface.records.store import Store
from boldface.tasks.data import Data

OFTEN = 30.0
"""Seconds between two lines where no bar can be drawn."""


def run(
    model: Model,
    order: Order,
    data: Data,
    path: Path,
    budget: Budget,
    *,
    workers: int,
    ray: str | None,
    threads: int | None,
    cache: Path | None,
    offline: bool | None,
) -> Profile:
    """Make a profile, telling of progress on standard error and keeping every trial in ``path``."""
    with terminal.waiting("reading the data …"):
        material = gathered(model, order, data)
    with Store(path, facts(model, None, order.seed)) as store, ExitStack() as stack:
        team: Workers = Local(model)
        if workers > 1 or ray is not None:
            from boldface.profiling.ray_workers import RayWorkers

            several = RayWorkers(model, count=workers, address=ray, threads=threads or 1, cache=cache, offline=offline)
            with terminal.waiting("starting workers …"):
                team = stack.enter_context(several)
        watch = stack.enter_context(watching())
        return make(model, order, material, Laboratory(store, team, budget, watch))


def show(profile: Profile, path: Path) -> None:
    """Show the scores of a new profile, and where it is."""
    terminal.screen().print(scores_table(profile.scores))
    cost = profile.cost
    spent = ""
    if cost is not None:
        spent = (
            f" It cost {cost.trials} trials, {cost.passes:,} token passes and {timedelta(seconds=round(cost.seconds))}."
        )
    terminal.note(f"{len(profile.gains)} heads, {terminal.nats_and_factor(profile.strength)}, in {path}.{spent}")


@contextmanager
def watching() -> Iterator[Watch]:
    """Give a function to tell of progress, and show it on standard error."""
    console = terminal.margin()
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[spent]}"))
    with Progress(*columns, console=console, transient=True) as bar:
        yield _Bar(bar)


class _Bar:
    def __init__(self, bar: Progress) -> None:
        self.bar = bar
        self.line = bar.add_task("profiling", total=None, spent="")

    def __call__(self, step: laboratory.Progress) -> None:
        if step.told:
            self.bar.console.print(f"{step.stage}: {step.told}", highlight=False, markup=False)
        else:
            self.bar.update(
                self.line, description=step.stage, total=step.total, completed=step.done, spent=_spent(step.spent)
            )


class _Lines:
    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, step: laboratory.Progress) -> None:
        if step.told:
            terminal.note(f"{step.stage}: {step.told}; {_spent(step.spent)}")
        elif time.monotonic() - self.last > OFTEN:
            terminal.note(f"{step.stage}, {step.done} of {step.total}; {_spent(step.spent)}")
        else:
            return
        self.last = time.monotonic()


def _spent(spent: laboratory.Spent) -> str:
    return f"{spent.trials} trials, {spent.passes / 1000:.0f} k passes, {timedelta(seconds=round(spent.seconds))}"
