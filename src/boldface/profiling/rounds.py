"""The order in which lessons are measured: a first batch of every task, then a second one of every task, and so on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from boldface.errors import ProfilingError
from boldface.profiling.lesson import Lesson

Batch = tuple[Lesson, ...]


def rounds(lessons: Mapping[str, Sequence[Lesson]], size: int) -> list[tuple[str, Batch]]:
    """Lay lessons out in batches, round by round, so that whenever the budget ends all tasks have got as far.

    A batch has lessons of one task, setting and role. It depends on the lessons alone, so that a run that goes on, or
    another method, finds the same batches in the store.

    Args:
        lessons: Task to its lessons, in their order.
        size: Most lessons of a batch.

    Raises:
        ProfilingError: A task has no lessons, or there is no task.
    """
    if not lessons:
        raise ProfilingError("There is no task to profile on.", "Name at least one.")
    if bare := [task for task, some in lessons.items() if not some]:
        raise ProfilingError(
            f"There are no lessons of {', '.join(bare)}.", "Leave it out, or look whether its data and prompts fit."
        )
    laid = zip_longest(*([(task, batch) for batch in _batches(some, size)] for task, some in lessons.items()))
    return [one for together in laid for one in together if one is not None]


def _batches(lessons: Sequence[Lesson], size: int) -> Iterator[Batch]:
    filling: dict[tuple[str, str], list[Lesson]] = {}
    for lesson in lessons:
        part = filling.setdefault((lesson.setting, lesson.role), [])
        part.append(lesson)
        if len(part) == size:
            yield tuple(filling.pop((lesson.setting, lesson.role)))
    yield from map(tuple, filling.values())
