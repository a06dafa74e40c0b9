"""What an arm asks: every prompt written, what cannot be asked told with its reason, the rest laid out in batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from boldface.emphasis.span import EmphasisedText
from boldface.errors import ContextLengthError, EmphasisError
from boldface.evaluation.arms import find_arm
from boldface.evaluation.asking import READ, Asked, Asker
from boldface.evaluation.record import Case
from boldface.evaluation.trusting import is_refused
from boldface.evaluation.writing import wished, write
from boldface.tasks.data import Data
from boldface.tasks.example import Continue, Example, Generate
from boldface.tasks.task import Task


def shots_of(task: Task, case: Case, data: Data, count: int) -> list[Example]:
    """Return the first answered examples, each of another group; fewer when there are fewer.

    They are of the training split, or of the validation split where the training split is what is asked.
    """
    if not count:
        return []
    found: dict[str, Example] = {}
    for example in task.examples(data, "validation" if case.split == "train" else "train", case.variant):
        if example.target is not None:
            found.setdefault(example.group, example)
        if len(found) == count:
            break
    return list(found.values())


def put(
    asker: Asker,
    task: Task,
    case: Case,
    examples: Iterable[Example],
    data: Data,
    spent: Mapping[str, float] = MappingProxyType({}),
) -> tuple[list[Asked], dict[str, str]]:
    """Write every prompt of an arm; what cannot be asked is told with its reason, by example.

    Args:
        asker: Asks on behalf of the arm.
        task: The task.
        case: What is asked.
        examples: The examples, their spans those that the arm emphasises.
        data: The data sets, for answered examples.
        spent: Example to the seconds that finding its spans took; a detector may find none, and the prompt is asked
            unsteered then.
    """
    arm, setting = asker.arm, case.setting
    shots = shots_of(task, case, data, arm.shots)
    skipped: dict[str, str] = {}
    asked = []
    for example in examples:
        if len(shots) < arm.shots:
            skipped[example.id] = f"{len(shots)} of {arm.shots} answered examples"
            continue
        prompt = write(example, arm, setting, shots, asker.aim.strength)  # type: ignore[arg-type]
        refused = is_refused(example, wished(example, arm), arm.trust)
        if asker.steering and not (refused or arm.detector or _is_emphasised(prompt)):
            skipped[example.id] = "no such span in the prompt"
            continue
        plain = write(example, find_arm("plain"), setting)  # type: ignore[arg-type]
        try:
            encoded = asker.encode(prompt, _room(example))
        except EmphasisError as error:
            skipped[example.id] = error.message
        except ContextLengthError:
            skipped[example.id] = "does not fit into the model's context"
        else:
            asked.append(Asked(example, prompt, plain, encoded, spent.get(example.id, 0.0)))
    return asked, skipped


def batches(asked: Iterable[Asked], size: int) -> Iterator[list[Asked]]:
    """Put prompts of like length and like question together."""

    def kind(each: Asked) -> tuple[str, int]:
        return type(each.example.question).__name__, _room(each.example)

    order = sorted(asked, key=lambda each: (kind(each), len(each.encoded.ids), each.example.id))
    for _, alike in itertools.groupby(order, key=kind):
        rows = list(alike)
        yield from (rows[start : start + size] for start in range(0, len(rows), size))


def _room(example: Example) -> int:
    """Tokens that may stand behind the prompt."""
    question = example.question
    if isinstance(question, Generate):
        return question.max_new_tokens
    return READ if isinstance(question, Continue) else 1


def _is_emphasised(prompt: EmphasisedText | list[dict[str, Any]]) -> bool:
    if isinstance(prompt, EmphasisedText):
        return bool(prompt.spans)
    return any(message.get("spans") for message in prompt)
