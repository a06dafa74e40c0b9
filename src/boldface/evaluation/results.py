"""From files of records to figures, without a model: means with errors, paired differences, coverage, cost, samples."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from boldface.errors import TaskError
from boldface.evaluation import paper
from boldface.evaluation.quality import MATCHED, QUALITY, matched_pair
from boldface.evaluation.reading import Contents, Scored, asked_of, read_contents
from boldface.evaluation.record import Case
from boldface.metrics.statistics import Difference, Estimate, estimate, paired
from boldface.tasks.example import Example, Generate
from boldface.tasks.task import Metric, Task

_JOINS: Mapping[str, Callable[[Sequence[float]], float]] = {"mean": statistics.fmean, "all": min, "any": max}


@dataclass(frozen=True)
class Coverage:
    """How much of what was asked the figures stand on.

    Attributes:
        asked: Examples that any arm of the case was asked, or would have been.
        answered: Examples that this arm answered.
        groups: Groups that this arm answered wholly. Only these count.
        incomplete: Groups that it answered in part; they are left out of every figure.
        n_a: Groups that lack a score of the task's own metrics.
        without: Metric to the groups that have no score of it; those that none lacks are not there.
        skipped: Reason to the examples that were not asked for it.
    """

    asked: int
    answered: int
    groups: int
    incomplete: int
    n_a: int
    without: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Spent:
    """What the answers of an arm took.

    Attributes:
        rows: Answers.
        median: Seconds an answer (its share of its batch's time), median.
        mean: Seconds an answer, mean.
        prompt_tokens: Mean tokens of the prompt.
        answer_tokens: Mean tokens of the answer.
        steered_tokens: Mean tokens of the prompt that carry a bias.
        steered_heads: Mean heads with a gain.
    """

    rows: int
    median: float
    mean: float
    prompt_tokens: float
    answer_tokens: float
    steered_tokens: float
    steered_heads: float


@dataclass(frozen=True)
class Sample:
    """One example and the answer of each arm."""

    example: Example
    answers: Mapping[str, Scored]


class Results:
    """Everything that some files of records say. Scores are those of this release, whichever wrote the files.

    A score of a group joins those of its examples as the metric says; examples whose score cannot be computed are left
    out of the join (an example may be there for one metric only), and a group without any score is n/a, which
    :meth:`coverage` counts. A group counts only when all its examples are answered.

    Args:
        contents: What stands in the files.
        tasks: Tasks by name.
    """

    def __init__(self, contents: Contents, tasks: Mapping[str, Task]) -> None:
        self.contents, self.tasks = contents, tasks
        self._estimates: dict[tuple[Case, str, str], Estimate | None] = {}
        self._differences: dict[tuple[Case, str, str, str], Difference | None] = {}

    @classmethod
    def load(cls, paths: Iterable[Path], tasks: Mapping[str, Task] | None = None) -> Results:
        """Read files of records and score every answer.

        Args:
            paths: The files; their answers are put together.
            tasks: Tasks by name; None is all that there are.

        Raises:
            RecordError: A file that cannot be read, or files that contradict each other.
            TaskError: A task that is not known.
        """
        if tasks is None:
            from boldface.tasks.catalogue import TASKS

            tasks = TASKS
        return cls(read_contents(paths, tasks), tasks)

    @property
    def facts(self) -> Mapping[Path, Mapping[str, Any]]:
        """What every record of a file depends on, by file."""
        return self.contents.facts

    def notes(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """Return the lines of a kind that are no answers: ``tuned``, ``session``."""
        return self.contents.notes.get(kind, [])

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases, in order of appearance."""
        return tuple(dict.fromkeys([*self.contents.answers, *self.contents.skipped]))

    def arms(self, case: Case) -> tuple[str, ...]:
        """Return the arms that answered anything in a case, in order of appearance."""
        return tuple(self.contents.answers.get(case, ()))

    def metrics(self, case: Case) -> tuple[Metric, ...]:
        """Return the task's metrics, and those of every written answer where the task has such."""
        examples = self.contents.examples.get(asked_of(case), {}).values()
        written = any(isinstance(example.question, Generate) for example in examples)
        return (*self.tasks[case.task].metrics, *(QUALITY if written else ()))

    def metric(self, case: Case, name: str) -> Metric:
        """Return a metric by name.

        Raises:
            TaskError: The case has no such metric.
        """
        metrics = {metric.name: metric for metric in self.metrics(case)}
        if name not in metrics:
            raise TaskError(f"{case.task} has no metric {name!r}.", f"Choose among {', '.join(metrics)}.")
        return metrics[name]

    def scores(self, case: Case, arm: str, metric: str) -> dict[str, float]:
        """Return the score of every whole group that has one, in order of appearance; empty without such an arm."""
        answers = self.contents.answers.get(case, {}).get(arm, {})
        return self.joined(
            case, self.metric(case, metric), {id: each.scores.get(metric) for id, each in answers.items()}
        )

    def words(self, case: Case, arm: str) -> Mapping[str, Sequence[str]]:
        """Return the words of every written answer by example; empty without such an arm."""
        return self.contents.words.get(case, {}).get(arm, {})

    def joined(self, case: Case, metric: Metric, scores: Mapping[str, float | None]) -> dict[str, float]:
        """Join scores of examples to those of groups.

        Args:
            case: What was asked.
            metric: Says how they are joined.
            scores: Example to score.
        """
        joined = {}
        for group, ids in self._groups(case).items():
            if all(id in scores for id in ids):
                there = [score for id in ids if (score := scores[id]) is not None]
                if there:
                    joined[group] = _JOINS[metric.within](there)
        return joined

    def estimate(self, case: Case, arm: str, metric: str) -> Estimate | None:
        """Return the mean of a metric with its error; None where no group has a score (n/a)."""
        key = (case, arm, metric)
        if key not in self._estimates:
            scores, share = self.scores(case, arm, metric), self.metric(case, metric).unit == "share"
            self._estimates[key] = estimate(scores.values(), share=share) if scores else None
        return self._estimates[key]

    def difference(self, case: Case, arm: str, metric: str, against: str = "plain") -> Difference | None:
        """Return an arm minus another, paired by group; None where they have no scored group in common."""
        key = (case, arm, metric, against)
        if key not in self._differences:
            if metric == MATCHED:
                sides = matched_pair(self.words(case, arm), self.words(case, against))
                a, b = (self.joined(case, self.metric(case, metric), scores) for scores in sides)
            else:
                a, b = self.scores(case, arm, metric), self.scores(case, against, metric)
            share = self.metric(case, metric).unit == "share"
            self._differences[key] = paired(a, b, share=share) if a.keys() & b.keys() else None
        return self._differences[key]

    def average(
        self,
        arm: str,
        setting: str,
        variant: str = "original",
        split: str = "test",
        *,
        source: str = "wikibios",
        strict: bool = False,
    ) -> Estimate | None:
        """Return the average of an arm over the paper's four tasks; None when a column is missing.

        Args:
            arm: Name of the arm.
            setting: ``raw`` or ``chat``.
            variant: Wording of the prompts.
            split: Split of the data.
            source: Whose biographies: ``wikibios`` or ``BiasBios``.
            strict: By strict metrics, not the paper's.
        """
        found: dict[paper.Column, Estimate | None] = {}
        for column in paper.strict_columns(source) if strict else paper.columns(source):
            case = Case(column.task, setting, variant, split)
            known = arm in self.arms(case) and any(metric.name == column.metric for metric in self.metrics(case))
            found[column] = self.estimate(case, arm, column.metric) if known else None
        return paper.average(found)

    def coverage(self, case: Case, arm: str) -> Coverage:
        """Return how much of what was asked the figures of an arm stand on."""
        answers = self.contents.answers.get(case, {}).get(arm, {})
        skipped = self.contents.skipped.get(case, {})
        asked = {
            id for by_arm in (self.contents.answers.get(case, {}), skipped) for ids in by_arm.values() for id in ids
        }
        begun = {each.example.group for each in answers.values()}
        whole = [group for group, ids in self._groups(case).items() if group in begun and ids <= answers.keys()]
        lacking = {
            metric.name: set(whole) - self.scores(case, arm, metric.name).keys() for metric in self.metrics(case)
        }
        own = [lacking[metric.name] for metric in self.tasks[case.task].metrics]
        return Coverage(
            len(asked),
            len(answers),
            len(whole),
            len(begun) - len(whole),
            len(set().union(*own)),
            {name: len(groups) for name, groups in lacking.items() if groups},
            Counter(why for id, why in skipped.get(arm, {}).items() if id not in answers),
        )

    def cost(self, case: Case, arm: str) -> Spent:
        """Return what the answers of an arm took.

        Raises:
            TaskError: The arm has no answer in this case.
        """
        records = [each.record for each in self.contents.answers.get(case, {}).get(arm, {}).values()]
        if not records:
            raise TaskError(f"{arm!r} has no answer in {case.task}.", f"Choose among {', '.join(self.arms(case))}.")
        costs, mean = [record.cost for record in records], statistics.fmean
        return Spent(
            len(records),
            statistics.median(cost.seconds for cost in costs),
            mean(cost.seconds for cost in costs),
            mean(cost.prompt_tokens for cost in costs),
            mean(record.answer.tokens for record in records),
            mean(cost.steered_tokens for cost in costs),
            mean(cost.steered_heads for cost in costs),
        )

    def samples(self, case: Case, arms: Sequence[str], n: int) -> list[Sample]:
        """Return ``n`` examples, each of another group: the first (not the best) of those that most arms answered.

        An arm that did not answer an example is not among its answers.
        """
        by_arm = {arm: self.contents.answers.get(case, {}).get(arm, {}) for arm in arms}
        examples = self.contents.examples.get(asked_of(case), {}).values()
        found: dict[str, Sample] = {}
        for example in sorted(examples, key=lambda example: sum(example.id not in each for each in by_arm.values())):
            answers = {arm: each[example.id] for arm, each in by_arm.items() if example.id in each}
            if answers and len(found) < n:
                found.setdefault(example.group, Sample(example, answers))
        return list(found.values())

    def _groups(self, case: Case) -> Mapping[str, set[str]]:
        """Group to the ids of its examples."""
        return self._all_groups.get(asked_of(case), {})

    @cached_property
    def _all_groups(self) -> dict[Any, dict[str, set[str]]]:
        groups: dict[Any, dict[str, set[str]]] = {}
        for asked, examples in self.contents.examples.items():
            for example in examples.values():
                groups.setdefault(asked, {}).setdefault(example.group, set()).add(example.id)
        return groups
