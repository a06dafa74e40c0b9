"""What a task is: a data set turned into examples, and the scores of an answer. A task knows no model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Example
from boldface.tasks.split import Split

Scores = Mapping[str, float | None]
"""Metric to score of one answer; None where it cannot be computed: shown as n/a, never left out in silence."""


@dataclass(frozen=True)
class Metric:
    """A column of the table.

    Attributes:
        name: Key in the scores.
        title: Heading.
        says: One sentence: what it measures, and whose definition it is.
        within: How the scores of one group are joined: ``mean``, ``all`` (the least) or ``any`` (the greatest).
        unit: ``share`` is shown in per cent; the others as they are.
        better: Which way is better; None when neither is.
    """

    name: str
    title: str
    says: str
    within: Literal["mean", "all", "any"] = "mean"
    unit: Literal["share", "bits", "nats", "tokens", "words", "count"] = "share"
    better: Literal["higher", "lower"] | None = "higher"


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: As people type it, e.g. ``json``.
        title: Heading, e.g. ``JSON formatting``.
        says: A few sentences for the report: what is asked, what is emphasised, what is right, source.
        metrics: Columns; the first is the headline.
        variants: Wordings of the prompt, ``original`` first.
        strict: The metric that heads and strengths are chosen by: a share that no empty or broken answer wins. The
            headline unless given.
        examples: ``examples(data, split, variant)`` yields the examples in a fixed order, whatever the machine.
        score: ``score(example, answer)`` gives every metric.
    """

    name: str
    title: str
    says: str
    metrics: tuple[Metric, ...]
    examples: Callable[[Data, Split, str], Iterator[Example]]
    score: Callable[[Example, Answer], Scores]
    variants: tuple[str, ...] = ("original",)
    strict: str = ""

    @property
    def chosen_by(self) -> Metric:
        """The strict metric."""
        return next((metric for metric in self.metrics if metric.name == self.strict), self.metrics[0])
