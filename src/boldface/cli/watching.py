"""How an evaluation goes on: a bar where standard error is a terminal, else a line per finished case and arm."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from boldface.cli import terminal
from boldface.evaluation.run import Step, Watch


class Pace:
    """Answers a second, and the time left; what stood in the file already does not count for it."""

    def __init__(self) -> None:
        self.done = self.computed = 0
        self.seconds = 0.0
        self._last = time.perf_counter()

    def take(self, step: Step) -> None:
        """Count some answers, and the time since the last ones when any was computed in it."""
        now = time.perf_counter()
        if step.computed:
            self.seconds += now - self._last
        self._last = now
        self.done += step.done
        self.computed += step.computed

    @property
    def rate(self) -> str:
        """Such as ``2.5/s``."""
        return f"{self.computed / self.seconds:.1f}/s" if self.seconds else "–/s"

    def left(self, total: int) -> str:
        """Such as ``0:03:20``."""
        if not self.computed:
            return "-:--:--"
        return str(timedelta(seconds=round((total - self.done) * self.seconds / self.computed)))


@contextmanager
def watching(verb: str = "evaluating") -> Iterator[Watch]:
    """Give a function to tell of progress, and show it on standard error."""
    console = terminal.margin()
    if console.is_terminal:
        with Progress(*_COLUMNS, console=console, transient=True) as bar:
            yield _Bar(bar, verb)
        return
    lines = _Lines(verb)
    try:
        yield lines
    finally:
        lines.finish()


_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("{task.fields[rate]}", style="progress.data.speed"),
    TextColumn("{task.fields[left]}", style="progress.remaining"),
)


class _Bar:
    def __init__(self, bar: Progress, verb: str) -> None:
        self.bar, self.verb, self.pace = bar, verb, Pace()
        self.line = bar.add_task(verb, total=None, rate="", left="")

    def __call__(self, step: Step) -> None:
        self.pace.take(step)
        self.bar.update(
            self.line,
            description=f"{self.verb} {step.case.task} ({step.case.setting}), {step.arm}",
            total=step.total,
            advance=step.done,
            rate=self.pace.rate,
            left=self.pace.left(step.total),
        )


class _Lines:
    def __init__(self, verb: str) -> None:
        self.verb, self.all, self.here = verb, Pace(), Pace()
        self.last: Step | None = None

    def __call__(self, step: Step) -> None:
        if self.last is not None and (self.last.case, self.last.arm) != (step.case, step.arm):
            self.finish()
            self.here = Pace()
        self.all.take(step)
        self.here.take(step)
        self.last = step

    def finish(self) -> None:
        """Tell of the case and arm that has come to its end."""
        if self.last is not None:
            case, total = self.last.case, self.last.total
            terminal.note(
                f"{self.verb} {case.task} ({case.setting}, {case.variant}, {case.split}), {self.last.arm}: "
                f"{self.here.done} rows, {self.here.computed} computed, {self.here.rate}; "
                f"{self.all.done} of {total}, {self.all.left(total)} left"
            )
