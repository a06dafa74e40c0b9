"""What a sweep weighs against each other, and which tasks tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from boldface.errors import SweepError
from boldface.evaluation.quality import MATCHED, QUALITY
from boldface.tasks.catalogue import find_task
from boldface.tasks.example import Generate, Question
from boldface.tasks.task import Metric, Task

RIGHT: Mapping[str, str] = {
    "json": "prediction",
    "biasbios-json": "prediction",
    "pronouns": "kept",
    "biasbios-pronouns": "kept",
    "wikibios": "top1",
    "biasbios": "top1",
    "which-wins": "right",
    "lost-in-the-middle": "best_subspan_em",
    "key-value": "accuracy",
    "hotpotqa": "f1",
    "musique": "f1",
    "squad": "f1",
    "xquad": "f1",
    "injection": "right",
}
"""Task to the metric of what its answers say, in whatever form they say it."""

OBEDIENCE = Metric("obedience", "Obedience", "Mean of the tasks' strict metrics.")
ACCURACY = Metric("accuracy", "Right", "Mean over the tasks of what their answers say, in whatever form.")
FLUENCY = Metric(
    "fluency",
    "Fluency",
    "Weighted entropy of 2-grams and 3-grams, minus that of the plain answer to the same question, both cut to the "
    "shorter of the two; mean of the tasks that write.",
    unit="bits",
)
DIVERGENCE = Metric(
    "divergence",
    "Moved",
    "How far the model is moved where emphasis should change nothing: KL(plain ‖ steered) a token, task neutral.",
    unit="nats",
    better="lower",
)
LATENCY = Metric(
    "latency",
    "Time",
    "Time of an answer, divided by the plain model's mean; mean of the tasks.",
    unit="count",
    better="lower",
)
GENERAL = {metric.name: metric for metric in (OBEDIENCE, ACCURACY, FLUENCY, DIVERGENCE, LATENCY)}
DEFAULT = ("obedience", "accuracy", "fluency", "divergence")


@dataclass(frozen=True)
class Objective:
    """Something that is better higher or lower.

    Attributes:
        metric: Its name, title, unit and direction.
        parts: The tasks that tell it, each with the metric of theirs that does.
    """

    metric: Metric
    parts: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """As people type it."""
        return self.metric.name

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """As Optuna calls it."""
        return "minimize" if self.metric.better == "lower" else "maximize"


def find_objectives(
    names: Sequence[str], tasks: Sequence[Task], questions: Mapping[str, Sequence[Question]]
) -> tuple[Objective, ...]:
    """Return objectives by name: those of :data:`GENERAL`, or ``TASK.METRIC``.

    Args:
        names: As people type them.
        tasks: What is asked.
        questions: Task to some of its questions.

    Raises:
        SweepError: There is no such objective, or no task tells it.
    """
    writing = {name for name, some in questions.items() if any(isinstance(one, Generate) for one in some)}
    return tuple(_find(name, tasks, writing) for name in dict.fromkeys(names))


def all_objectives(tasks: Sequence[Task], questions: Mapping[str, Sequence[Question]]) -> tuple[Objective, ...]:
    """Return every general objective that the tasks can tell."""
    found: list[Objective] = []
    for name in GENERAL:
        try:
            found += find_objectives([name], tasks, questions)
        except SweepError:
            continue
    return tuple(found)


def _find(name: str, tasks: Sequence[Task], writing: set[str]) -> Objective:
    if "." in name:
        return _of_task(name, tasks, writing)
    metric = find_metric(name)
    parts = tuple(_parts(name, tasks, writing))
    if not parts:
        hint = {
            "obedience": "Add one that is obeyed or not, such as json.",
            "accuracy": f"Add one of {', '.join(RIGHT)}.",
            "fluency": "Add one that writes, such as json.",
            "divergence": "Add the task neutral.",
        }.get(name, "Add one.")
        raise SweepError(f"None of the tasks tells {name}.", hint)
    return Objective(metric, parts)


def _parts(name: str, tasks: Iterable[Task], writing: set[str]) -> Iterable[tuple[str, str]]:
    for task in tasks:
        if name == "obedience" and task.chosen_by.unit == "share":
            yield task.name, task.chosen_by.name
        elif name == "accuracy" and task.name in RIGHT:
            yield task.name, RIGHT[task.name]
        elif name == "fluency" and task.name in writing:
            yield task.name, MATCHED
        elif name == "divergence" and any(metric.name == "divergence" for metric in task.metrics):
            yield task.name, "divergence"
        elif name == "latency":
            yield task.name, "seconds"


def find_metric(name: str) -> Metric:
    """Return the metric of an objective by its name.

    Raises:
        SweepError: There is none.
    """
    if "." not in name:
        if name not in GENERAL:
            raise SweepError(
                f"There is no objective {name!r}.", f"Choose among {', '.join(GENERAL)}, or write TASK.METRIC."
            )
        return GENERAL[name]
    where, _, what = name.partition(".")
    task = find_task(where)
    metrics = {metric.name: metric for metric in (*task.metrics, *QUALITY) if metric.better and metric.name != MATCHED}
    if what not in metrics:
        raise SweepError(f"{where} has no objective {what!r}.", f"Choose among {', '.join(metrics)}.")
    told = metrics[what]
    return Metric(name, f"{task.title}: {told.title}", told.says, told.within, told.unit, told.better)


def _of_task(name: str, tasks: Sequence[Task], writing: set[str]) -> Objective:
    metric = find_metric(name)
    where, _, what = name.partition(".")
    task = next((task for task in tasks if task.name == where), None)
    if task is None:
        raise SweepError(f"The objective {name!r} is of a task that is not asked.", f"Add {where} to --tasks.")
    if what not in {own.name for own in task.metrics} and where not in writing:
        raise SweepError(f"{where} writes no answers, so it tells no {what}.", "Take one of its own metrics.")
    return Objective(metric, ((where, what),))
