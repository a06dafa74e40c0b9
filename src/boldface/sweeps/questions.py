"""What a sweep asks: the rows of every task, read once, and which of them count for what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from boldface.errors import SweepError, TaskError
from boldface.evaluation.record import example_line
from boldface.evaluation.run import Request, take
from boldface.evaluation.writing import Setting
from boldface.records.store import key_of
from boldface.sweeps.measure import Groups
from boldface.tasks.data import Data
from boldface.tasks.example import Example, Question
from boldface.tasks.split import Split
from boldface.tasks.task import Task

Part = Literal["search", "proof", "test"]


@dataclass(frozen=True)
class Questions:
    """What every point is asked.

    Attributes:
        tasks: The tasks.
        rows: Data rows of a task, of the validation split: points are chosen by these.
        proof: As many more rows of it, which only the recommended point, the plain model and the placebos are asked.
        test: Rows of the test split, which these are asked in the end; 0 asks none.
        settings: ``raw``, ``chat`` or both.
        variants: Wordings.
        batch: Most rows of a batch.
        seed: Of the random heads.
    """

    tasks: tuple[Task, ...]
    rows: int = 24
    proof: int = 24
    test: int = 0
    settings: tuple[Setting, ...] = ("raw",)
    variants: tuple[str, ...] = ("original",)
    batch: int = 16
    seed: int = 0

    def request(self, part: Part = "search") -> Request:
        """Return the request of a part of these questions, without an arm.

        Raises:
            TaskError: A setting or a wording that there is not, or no rows.
        """
        tasks = tuple(after(task, self.rows) for task in self.tasks) if part == "proof" else self.tasks
        split: Split = "test" if part == "test" else "validation"
        rows = {"search": self.rows, "proof": self.proof, "test": self.test}[part]
        return Request(tasks, (), rows, split, self.settings, self.variants, self.batch, self.seed)

    def held(self) -> Questions:
        """Return the same questions, whose examples are read from the data once."""
        return replace(self, tasks=tuple(map(held, self.tasks)))

    def groups(self, data: Data, part: Part = "search") -> Groups:
        """Return the groups of a part's rows.

        Raises:
            MissingError: A data set is not there.
            SweepError: There are not enough rows.
        """
        found, request = {}, self.request(part)
        for task, case in request.cases:
            try:
                examples = take(task, case, data, request.rows)
            except TaskError:
                examples = []
            found[case] = frozenset(example.group for example in examples)
            if len(found[case]) < request.rows:
                before = f" after the first {self.rows}" if part == "proof" else ""
                raise SweepError(
                    f"The {case.split} split of {task.name} ({case.variant}) has {len(found[case])} rows{before}, "
                    f"not {request.rows}.",
                    "Ask for fewer rows.",
                )
        return found

    def asked(self, data: Data) -> dict[str, list[Question]]:
        """Return a question of every task and wording.

        Raises:
            MissingError: A data set is not there.
            TaskError: A case is empty.
        """
        found: dict[str, list[Question]] = {}
        for task, case in self.request().cases:
            found.setdefault(task.name, []).append(take(task, case, data, 1)[0].question)
        return found

    def said(self, data: Data) -> dict[str, Any]:
        """Return what the measures of a study depend on, as JSON values; the rows that choose as digests.

        Raises:
            MissingError: A data set is not there.
            TaskError: A case is empty.
        """
        keys: dict[str, list[str]] = {}
        for task, case in self.request().cases:
            lines = [example_line(case, example) for example in take(task, case, data, self.rows)]
            keys.setdefault(task.name, []).extend(line["key"] for line in lines)
        return {
            "tasks": [task.name for task in self.tasks],
            "rows": self.rows,
            "settings": list(self.settings),
            "variants": list(self.variants),
            "batch": self.batch,
            "digests of rows": {task: key_of(rows=some) for task, some in keys.items()},
        }


def held(task: Task) -> Task:
    """Return a task that reads the data once, and only as far as is asked for."""
    kept: dict[tuple[int, Split, str], tuple[list[Example], Iterator[Example]]] = {}

    def examples(data: Data, split: Split, variant: str) -> Iterator[Example]:
        known, rest = kept.setdefault((id(data), split, variant), ([], task.examples(data, split, variant)))
        yield from known
        for example in rest:
            known.append(example)
            yield example

    return replace(task, examples=examples)


def after(task: Task, start: int) -> Task:
    """Return a task without its first ``start`` groups."""

    def examples(data: Data, split: Split, variant: str) -> Iterator[Example]:
        before: set[str] = set()
        for example in task.examples(data, split, variant):
            if len(before) < start or example.group in before:
                before.add(example.group)
            else:
                yield example

    return replace(task, examples=examples)
