"""Read files of records back: every answer with its example and its scores, which are computed anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from boldface.errors import RecordError, TaskError
from boldface.evaluation.quality import MATCHED, matched, qualities
from boldface.evaluation.record import AnswerRecord, Case, read_example
from boldface.metrics.words import word_tokens
from boldface.records.store import read
from boldface.tasks.example import Answer, Example, Generate
from boldface.tasks.task import Scores, Task


class Asked(NamedTuple):
    """Whose examples: they are the same in every setting."""

    task: str
    variant: str
    split: str


@dataclass(frozen=True)
class Scored:
    """An answer on file.

    Attributes:
        record: What stands there.
        example: What was asked.
        scores: The task's metrics, and for written answers those of :data:`boldface.evaluation.quality.QUALITY`.
    """

    record: AnswerRecord
    example: Example
    scores: Scores

    @property
    def answer(self) -> Answer:
        """What came back."""
        return self.record.answer


@dataclass
class Contents:
    """What stands in some files.

    Attributes:
        facts: File to its facts.
        examples: Examples by id.
        digests: Key of each example's record: two of the same key are the same example.
        answers: Case to arm to example to answer, all in order of appearance.
        words: Case to arm to example to the words of the written answer; choices have none.
        skipped: Case to arm to example to the reason why it was not asked.
        notes: Kind to the other lines, as they stand (``tuned``, ``session``).
    """

    facts: dict[Path, dict[str, Any]] = field(default_factory=dict)
    examples: dict[Asked, dict[str, Example]] = field(default_factory=dict)
    digests: dict[Asked, dict[str, str]] = field(default_factory=dict)
    answers: dict[Case, dict[str, dict[str, Scored]]] = field(default_factory=dict)
    words: dict[Case, dict[str, dict[str, list[str]]]] = field(default_factory=dict)
    skipped: dict[Case, dict[str, dict[str, str]]] = field(default_factory=dict)
    notes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def asked_of(case: Case) -> Asked:
    """Return whose examples a case asks."""
    return Asked(case.task, case.variant, case.split)


def read_contents(paths: Iterable[Path], tasks: Mapping[str, Task]) -> Contents:
    """Read files of records as one and score every answer.

    Raises:
        RecordError: A file that cannot be read, or files (or lines) that contradict each other.
        TaskError: A task that is not known.
    """
    read_in = {path: read(path) for path in paths}
    contents = contents_of(((path, line) for path, (_, lines) in read_in.items() for line in lines), tasks)
    contents.facts |= {path: facts for path, (facts, _) in read_in.items()}
    return contents


def contents_of(lines: Iterable[tuple[Path, Mapping[str, Any]]], tasks: Mapping[str, Task]) -> Contents:
    """Put lines of files together and score every answer.

    Args:
        lines: Each with the file that it stands in.
        tasks: Tasks by name.

    Raises:
        RecordError: A line cannot be read, or lines contradict each other.
        TaskError: A task that is not known.
    """
    contents, records = Contents(), dict[tuple[Case, str, str], AnswerRecord]()
    for path, line in lines:
        try:
            _take(line, contents, records)
        except (KeyError, TypeError) as error:
            raise RecordError(
                f"{path} has a line that cannot be read: {error!r}.", "Take the file as boldface wrote it."
            ) from error
    _score(contents, records.values(), tasks)
    return contents


def _take(line: Mapping[str, Any], contents: Contents, records: dict[tuple[Case, str, str], AnswerRecord]) -> None:
    kind = line["kind"]
    if kind == "example":
        asked, example = Asked(line["task"], line["variant"], line["split"]), read_example(line)
        if contents.digests.setdefault(asked, {}).setdefault(example.id, line["key"]) != line["key"]:
            raise RecordError(
                f"Two different examples of {asked.task} ({asked.variant}, {asked.split}) have the id {example.id!r}.",
                "Load files of the same data and the same release of boldface together.",
            )
        contents.examples.setdefault(asked, {})[example.id] = example
    elif kind == "answer":
        record = AnswerRecord.from_line(line)
        if records.setdefault((record.case, record.arm, record.example), record).key != record.key:
            raise RecordError(
                f"Two runs of the arm {record.arm!r} on {record.case.task} are loaded as one.",
                "Compare them instead: boldface evaluate --compare A B.",
            )
    elif kind == "skipped":
        of_arm = contents.skipped.setdefault(Case(**line["case"]), {}).setdefault(line["arm"], {})
        of_arm[line["example"]] = line["why"]
    else:
        contents.notes.setdefault(kind, []).append(dict(line))


def _score(contents: Contents, records: Iterable[AnswerRecord], tasks: Mapping[str, Task]) -> None:
    """Put every answer with its scores into the contents."""
    for asked in contents.examples:
        if asked.task not in tasks:
            raise TaskError(f"There are answers of an unknown task, {asked.task!r}.", "Use the release that ran it.")
    tokens: dict[str, list[str]] = {}
    for record in records:
        case, text = record.case, record.answer.text
        example = contents.examples.get(asked_of(case), {}).get(record.example)
        if example is None:
            raise RecordError(
                f"An answer of {case.task} is to the example {record.example!r}, which is in no file.",
                "Load the file that holds it as well.",
            )
        scores = dict(tasks[case.task].score(example, record.answer))
        names = {metric.name for metric in tasks[case.task].metrics}
        if scores.keys() != names:
            raise TaskError(f"{case.task} scored {sorted(scores)}, not {sorted(names)}.", "Mend the task's score().")
        if isinstance(example.question, Generate):
            if text not in tokens:
                tokens[text] = word_tokens(text)
            scores |= qualities(record.answer, tokens[text])
            contents.words.setdefault(case, {}).setdefault(record.arm, {})[example.id] = tokens[text]
        contents.answers.setdefault(case, {}).setdefault(record.arm, {})[example.id] = Scored(record, example, scores)
    for case, by_arm in contents.words.items():
        for arm, by_example in matched(by_arm).items():
            for example_id, score in by_example.items():
                scored = contents.answers[case][arm][example_id]
                contents.answers[case][arm][example_id] = Scored(
                    scored.record, scored.example, {**scored.scores, MATCHED: score}
                )
