"""What is learned on: tasks in settings and wordings, turned into lessons, and these into batches of like length."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from boldface.engine.model import Model
from boldface.errors import ProfilingError
from boldface.evaluation.writing import SETTINGS, Setting
from boldface.profiling.lesson import Lesson, Role, lessons
from boldface.tasks.catalogue import find_task
from boldface.tasks.data import Data
from boldface.tasks.split import Split
from boldface.tasks.task import Task

CONTRAST = 0.15
"""Share of a task's weight that goes to its prompts with another span emphasised."""


@dataclass(frozen=True)
class Subject:
    """Something to be learned.

    Attributes:
        task: Name of the task.
        setting: With or without the chat template.
        variant: Wording.
        role: Which span is emphasised.
        weight: Beside other subjects.
    """

    task: str
    setting: Setting = "raw"
    variant: str = "original"
    role: Role = "asked"
    weight: float = 1.0

    def __str__(self) -> str:
        return f"{self.task}/{self.setting}/{self.variant}/{self.role}"


def named(entry: str) -> tuple[str, Setting | None]:
    """Return the task's name, and the setting where one is named: ``json@chat`` is asked in the chat template alone.

    Raises:
        ProfilingError: There is no such setting.
    """
    task, _, only = entry.partition("@")
    setting = next((known for known in SETTINGS if known == only), None)
    if only and setting is None:
        raise ProfilingError(f"{entry!r} names no setting.", f"Write {task}@{' or '.join(SETTINGS)}, or {task} alone.")
    return task, setting


def task_of(entry: str) -> Task:
    """Return the task of what somebody wrote.

    Raises:
        TaskError: There is none of that name.
    """
    return find_task(named(entry)[0])


def gather(model: Model, subject: Subject, data: Data, split: Split, rows: int, longest: int) -> list[Lesson]:
    """Return the first lessons of a subject.

    Args:
        model: The model, for its tokenizer and chat template.
        subject: The subject.
        data: The data sets.
        split: Split of the data.
        rows: Data rows, with at most two lessons each.
        longest: Most tokens of a lesson; longer ones are passed over.

    Raises:
        MissingError: The data set is not there.
    """
    examples = find_task(subject.task).examples(data, split, subject.variant)
    return lessons(model, subject.task, examples, subject.setting, subject.role, rows=rows, longest=longest)


def curriculum(
    model: Model,
    tasks: Sequence[str],
    data: Data,
    split: Split,
    *,
    settings: Sequence[Setting],
    variants: Sequence[str],
    rows: int,
    longest: int,
    contrast: float = CONTRAST,
) -> dict[Subject, list[Lesson]]:
    """Return what tasks teach this model.

    Every task weighs 1, shared alike by its settings and wordings. Where another span of its prompts can be
    emphasised, a share of that goes there: gains shall learn to attend to what is emphasised, not to do the task. A
    task that itself asks either way has no need of that.

    Args:
        model: The model.
        tasks: Names of tasks; one that is written ``json@chat`` is asked in that setting alone.
        data: The data sets.
        split: Split of the data.
        settings: With or without the chat template.
        variants: Wordings; a task is left out of those it does not have, and one that has none has its first.
        rows: Data rows of a subject, with at most two lessons each.
        longest: Most tokens of a lesson.
        contrast: The share for another span; 0 for none.

    Raises:
        MissingError: A data set is not there.
        ProfilingError: A task teaches nothing.
    """
    found: dict[Subject, list[Lesson]] = {}
    for entry in tasks:
        (task, only), known = named(entry), task_of(entry).variants
        wordings = [variant for variant in variants if variant in known] or [known[0]]
        own: dict[Subject, list[Lesson]] = {}
        for setting in settings if only is None else (only,):
            for variant in wordings:
                own |= _either(model, Subject(task, setting, variant), data, split, rows, longest, contrast)
        if not own:
            raise ProfilingError(
                f"{entry} teaches nothing: no example of its {split} split has a span and an answer of at most "
                f"{longest} tokens in all.",
                "Leave it out, or allow longer ones.",
            )
        asked = sum(subject.role == "asked" for subject in own)
        found |= {replace(one, weight=one.weight / asked): of_one for one, of_one in own.items()}
    return found


def _either(
    model: Model, subject: Subject, data: Data, split: Split, rows: int, longest: int, contrast: float
) -> dict[Subject, list[Lesson]]:
    """The lessons with the asked span emphasised, and those with the other one where they are not the same."""
    asked = gather(model, subject, data, split, rows, longest)
    if not asked:
        return {}
    other = gather(model, replace(subject, role="other"), data, split, rows, longest) if contrast else []
    known = {_content(lesson) for lesson in asked}
    if sum(_content(lesson) not in known for lesson in other) <= len(other) / 2:
        return {subject: asked}
    if asked[0].kind == "calm":  # another span of which nothing is asked either
        return {subject: asked}
    return {
        replace(subject, weight=1 - contrast): asked,
        replace(subject, role="other", weight=contrast): other,
    }


def _content(lesson: Lesson) -> tuple[object, ...]:
    return lesson.prompt.ids, lesson.prompt.spans, lesson.target


def batches(found: Sequence[Lesson], size: int, seed: int) -> list[tuple[Lesson, ...]]:
    """Put lessons of like length together, and the batches in an order drawn by ``seed``."""
    order = sorted(found, key=lambda lesson: (lesson.tokens, lesson.digest))
    parts = [tuple(order[start : start + size]) for start in range(0, len(order), size)]
    random.Random(seed).shuffle(parts)
    return parts


def by_task(found: Mapping[Subject, Sequence[Lesson]]) -> dict[str, list[Lesson]]:
    """Return the lessons of every task with what is asked for emphasised."""
    tasks: dict[str, list[Lesson]] = {}
    for subject, of_subject in found.items():
        if subject.role == "asked":
            tasks.setdefault(subject.task, []).extend(of_subject)
    return tasks


def of_role(found: Mapping[Subject, Sequence[Lesson]], role: Role) -> dict[str, Sequence[Lesson]]:
    """Return the lessons of every subject of a role, by its name."""
    return {str(subject): lessons for subject, lessons in found.items() if subject.role == role}
