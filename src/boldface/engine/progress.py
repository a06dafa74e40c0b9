"""What is drawn while a model is converted and loaded: our bar or nothing, never transformers' bars."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

Progress = Callable[[str, float], None]
"""Called with what is being done, and how much of the whole is behind, from 0 to 1."""


def silent(step: str, done: float) -> None:
    """Report to nobody."""


@contextlib.contextmanager
def bar(wanted: bool | Progress) -> Iterator[Progress]:
    """Give a function to report to: the caller's own, one that draws a bar on standard error, or a silent one."""
    if callable(wanted):
        yield wanted
    elif wanted:
        with _drawn() as report:
            yield report
    else:
        yield silent


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from drawing its own progress bars."""
    from transformers.utils import logging

    previous = logging.set_tqdm_hook(lambda _, args, kwargs: logging.EmptyTqdm(*args, **kwargs))
    try:
        yield
    finally:
        logging.set_tqdm_hook(previous)


@contextlib.contextmanager
def _drawn() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("looking for the model", total=1.0)
        yield lambda step, done: bars.update(task, description=step, completed=done)
