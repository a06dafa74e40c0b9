"""Every task by name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from boldface.errors import TaskError
from boldface.tasks import (
    conflict,
    counterfact,
    evidence,
    ifeval,
    injection,
    json_format,
    key_value,
    lost_in_the_middle,
    neutral,
    occupation,
    pronouns,
    which_wins,
)
from boldface.tasks.task import Task

_MODULES = (
    json_format,
    pronouns,
    occupation,
    counterfact,
    which_wins,
    ifeval,
    lost_in_the_middle,
    key_value,
    conflict,
    evidence,
    injection,
    neutral,
)
TASKS: dict[str, Task] = {task.name: task for module in _MODULES for task in module.TASKS}
"""In the order of the report."""

PAPER = ("json", "pronouns", "wikibios", "counterfact")
"""The paper's four tasks, on open data."""


def task_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of tasks once each, ``paper`` being the paper's four."""
    return tuple(dict.fromkeys(one for name in names for one in (PAPER if name == "paper" else (name,))))


def find_task(name: str) -> Task:
    """Return a task by name.

    Raises:
        TaskError: There is none of that name.
    """
    if name in TASKS:
        return TASKS[name]
    close = get_close_matches(name, TASKS, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"Choose among {', '.join(TASKS)}."
    raise TaskError(f"There is no task {name!r}.", hint)
