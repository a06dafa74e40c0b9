"""Run an evaluation: every arm over the same examples, batch by batch, each answer kept as soon as it is there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from boldface.emphasis.span import EmphasisedText
from boldface.engine.model import Model
from boldface.errors import TaskError
from boldface.evaluation.aim import aim
from boldface.evaluation.arm import Arm
from boldface.evaluation.arms import find_arm
from boldface.evaluation.asking import Asked, Asker
from boldface.evaluation.record import AnswerRecord, Case, example_line, skip_line
from boldface.evaluation.writing import SETTINGS, Setting, write
from boldface.profiles.heads import HeadGains
from boldface.records.store import Store, key_of
from boldface.tasks.data import Data
from boldface.tasks.example import Example, Generate
from boldface.tasks.split import SPLITS, Split
from boldface.tasks.task import Task

BATCH = 16


@dataclass(frozen=True)
class Request:
    """What is to be evaluated.

    Attributes:
        tasks: The tasks.
        arms: The arms.
        rows: Groups of examples (data rows) of every task.
        split: Split they are taken from.
        settings: ``raw``, ``chat`` or both.
        variants: Wordings; a task without a wording of that name is left out of it.
        batch: Most rows of a batch.
        seed: Of the random heads.
    """

    tasks: tuple[Task, ...]
    arms: tuple[Arm, ...]
    rows: int = 100
    split: Split = "test"
    settings: tuple[Setting, ...] = ("raw",)
    variants: tuple[str, ...] = ("original",)
    batch: int = BATCH
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rows < 1 or self.batch < 1:
            raise TaskError("Rows and batch size are at least 1.", "Ask for --rows 100, for example.")
        if self.split not in SPLITS:
            raise TaskError(f"There is no split {self.split!r}.", f"Choose among {', '.join(SPLITS)}.")
        if unknown := set(self.settings) - set(SETTINGS):
            raise TaskError(f"There is no setting {min(unknown)!r}.", f"Choose among {', '.join(SETTINGS)}.")
        known = {variant for task in self.tasks for variant in task.variants}
        if wrong := [variant for variant in self.variants if variant not in known]:
            raise TaskError(f"None of these tasks has a variant {wrong[0]!r}.", f"Choose among {', '.join(known)}.")

    @property
    def cases(self) -> Iterator[tuple[Task, Case]]:
        """Every task in every setting and wording that it has."""
        for task, setting, variant in itertools.product(self.tasks, self.settings, self.variants):
            if variant in task.variants:
                yield task, Case(task.name, setting, variant, self.split)


class Step(NamedTuple):
    """Some answers that are there.

    Attributes:
        case: What was asked.
        arm: By which arm.
        done: How many of them are new to the progress.
        computed: How many of these were computed now; the others stood in the file.
        total: All answers of the evaluation, as far as is known.
    """

    case: Case
    arm: str
    done: int
    computed: int
    total: int


Watch = Callable[[Step], None]


def evaluate(
    model: Model,
    request: Request,
    data: Data,
    store: Store,
    *,
    profile: tuple[HeadGains, float] | None,
    watch: Watch = lambda step: None,
    route: str = "auto",
) -> None:
    """Answer everything that is asked for and does not stand in the store yet.

    Batches are laid out over all examples, whatever stands there already, so that an interrupted run gives the same
    answers as one that was not.

    Args:
        model: The model.
        request: What is to be evaluated.
        data: The data sets.
        store: An open store.
        profile: Gains of the model's profile and their strength in nats; None when it has none.
        watch: Told of progress.
        route: How the bias is carried.

    Raises:
        TaskError: An arm that cannot be run on this model, before anything runs.
        MissingError: A data set is not there, before anything runs.
    """
    aims = {arm: aim(arm, model.geometry.heads, profile, request.seed) for arm in request.arms}
    loaded = [(task, case, take(task, case, data, request.rows)) for task, case in request.cases]
    total = sum(len(examples) for _, _, examples in loaded) * len(request.arms)
    for task, case, examples in loaded:
        store.append(example_line(case, example) for example in examples)
        for arm in request.arms:
            asker = Asker(model, arm, aims[arm], route)
            asked, skipped = _put(asker, task, case, examples, data)
            store.append(skip_line(case, arm.name, example, why) for example, why in skipped.items())
            watch(Step(case, arm.name, len(skipped), 0, total))
            for batch in _batches(asked, request.batch):
                keys = [_key(case, arm, asker, each) for each in batch]
                fresh = any(key not in store.records for key in keys)
                if fresh:
                    answers = asker.ask(batch)
                    store.append(
                        AnswerRecord(key, case, arm.name, each.example.id, each.encoded.text, answer, cost).to_line()
                        for key, each, (answer, cost) in zip(keys, batch, answers, strict=True)
                    )
                watch(Step(case, arm.name, len(batch), len(batch) * fresh, total))


def take(task: Task, case: Case, data: Data, rows: int) -> list[Example]:
    """Return the examples of the first groups of a case."""
    groups: set[str] = set()
    taken = []
    for example in task.examples(data, case.split, case.variant):  # type: ignore[arg-type]
        if len(groups) == rows and example.group not in groups:
            break
        groups.add(example.group)
        taken.append(example)
    if not taken:
        raise TaskError(f"The {case.split} split of {task.name} ({case.variant}) is empty.", "Choose another split.")
    return taken


def shots_of(task: Task, case: Case, data: Data, count: int) -> list[Example]:
    """Return the first answered examples of the training split, each of another group; fewer when there are fewer."""
    found: dict[str, Example] = {}
    answered = (example for example in task.examples(data, "train", case.variant) if example.target is not None)
    while len(found) < count and (example := next(answered, None)) is not None:
        found.setdefault(example.group, example)
    return list(found.values())


def _put(
    asker: Asker, task: Task, case: Case, examples: Iterable[Example], data: Data
) -> tuple[list[Asked], dict[str, str]]:
    """Write every prompt of an arm; what cannot be asked is told with its reason, by example."""
    arm, setting = asker.arm, case.setting
    shots = shots_of(task, case, data, arm.shots)
    skipped: dict[str, str] = {}
    asked = []
    for example in examples:
        if len(shots) < arm.shots:
            skipped[example.id] = f"{len(shots)} of {arm.shots} answered examples"
            continue
        prompt = write(example, arm, setting, shots)  # type: ignore[arg-type]
        if asker.steering and not _is_emphasised(prompt):
            skipped[example.id] = "no such span in the prompt"
            continue
        plain = write(example, find_arm("plain"), setting)  # type: ignore[arg-type]
        encoded = asker.encode(prompt)
        if why := _too_long(asker.model, encoded.ids, example):
            skipped[example.id] = why
            continue
        asked.append(Asked(example, prompt, plain, encoded))
    return asked, skipped


def _too_long(model: Model, ids: Sequence[int], example: Example) -> str | None:
    room = example.question.max_new_tokens if isinstance(example.question, Generate) else 1
    limit = getattr(model.model.config, "max_position_embeddings", None)
    fits = limit is None or len(ids) + room <= limit
    return None if fits else f"does not fit: {len(ids)} + {room} tokens, limit {limit}"


def _is_emphasised(prompt: EmphasisedText | list[dict[str, Any]]) -> bool:
    if isinstance(prompt, EmphasisedText):
        return bool(prompt.spans)
    return any(message.get("spans") for message in prompt)


def _batches(asked: Iterable[Asked], size: int) -> Iterator[list[Asked]]:
    """Put prompts of like length and like question together."""

    def kind(each: Asked) -> tuple[str, int]:
        question = each.example.question
        return type(question).__name__, question.max_new_tokens if isinstance(question, Generate) else 0

    order = sorted(asked, key=lambda each: (kind(each), len(each.encoded.ids), each.example.id))
    for _, alike in itertools.groupby(order, key=kind):
        rows = list(alike)
        yield from (rows[start : start + size] for start in range(0, len(rows), size))


def _key(case: Case, arm: Arm, asker: Asker, asked: Asked) -> str:
    steering: Mapping[str, Any] = {name: str(value) for name, value in asker.steering.items()}
    spans = [asdict(span) for span in asked.encoded.spans]
    return key_of(
        case=case._asdict(),
        arm=arm.name,
        example=asked.example.id,
        prompt=asked.encoded.text,
        ids=asked.encoded.ids,
        spans=spans,
        steering=steering,
        question=[type(asked.example.question).__name__, asdict(asked.example.question)],
    )
