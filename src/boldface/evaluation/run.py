"""Run an evaluation: every arm over the same examples, batch by batch, each answer kept as soon as it is there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from boldface.engine.heads import Selected
from boldface.engine.model import Model
from boldface.engine.vllm_model import VllmModel
from boldface.errors import RecordError, TaskError
from boldface.evaluation.aim import aim
from boldface.evaluation.arm import Arm
from boldface.evaluation.asking import Asked, Asker
from boldface.evaluation.asking_vllm import VllmAsker
from boldface.evaluation.detecting import detected
from boldface.evaluation.layout import batches, put
from boldface.evaluation.record import AnswerRecord, Case, Place, example_line, place_of, skip_line
from boldface.evaluation.writing import SETTINGS, Setting
from boldface.records.store import Store, key_of
from boldface.tasks.data import Data
from boldface.tasks.example import Example
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
    profile: Selected | None,
    watch: Watch = lambda step: None,
    route: str = "auto",
) -> None:
    """Answer everything that is asked for and does not stand in the store yet.

    Batches are laid out over all examples, whatever stands there already, and written whole, so that an interrupted
    run gives the same answers as one that was not. Nothing is computed twice.

    Args:
        model: The model.
        request: What is to be evaluated.
        data: The data sets.
        store: An open store.
        profile: What the model's profile steers; None when it has none.
        watch: Told of progress.
        route: How the bias is carried.

    Raises:
        BoldfaceError: An arm that cannot be run on this model, before anything runs.
        MissingError: A data set is not there, before anything runs.
        RecordError: The store holds answers to other examples, or to other prompts, that go by the same names.
    """
    askers = rehearsed(model, request, profile, route)
    loaded = [(task, case, take(task, case, data, request.rows)) for task, case in request.cases]
    for example in (example for _, _, examples in loaded for example in examples):
        for asker in askers:
            asker.allow(example.question)
    total = sum(len(examples) for _, _, examples in loaded) * len(request.arms)
    known = {place: key for key, line in store.records.items() if (place := place_of(line)) is not None}
    lines = {case: [example_line(case, example) for example in examples] for _, case, examples in loaded}
    _agree(store, known, [(place_of(line), line["key"]) for of_case in lines.values() for line in of_case])
    for task, case, examples in loaded:
        store.append(lines[case])
        for asker in askers:
            arm = asker.arm
            marked, spent = detected(arm, model, store, examples)
            asked, skipped = put(asker, task, case, marked, data, spent)
            store.append(skip_line(case, arm.name, example, why) for example, why in skipped.items())
            watch(Step(case, arm.name, len(skipped), 0, total))
            for batch in batches(asked, request.batch):
                keys = [_key(case, arm, asker, each) for each in batch]
                places = [Place("answer", *case, arm.name, each.example.id) for each in batch]
                _agree(store, known, zip(places, keys, strict=True))
                fresh = [(key, each) for key, each in zip(keys, batch, strict=True) if key not in store.records]
                if fresh:
                    answers = asker.ask([each for _, each in fresh])
                    store.append(
                        AnswerRecord(key, case, arm.name, each.example.id, each.encoded.text, answer, cost).to_line()
                        for (key, each), (answer, cost) in zip(fresh, answers, strict=True)
                    )
                watch(Step(case, arm.name, len(batch), len(fresh), total))


def rehearsed(model: Model, request: Request, profile: Selected | None, route: str = "auto") -> list[Asker]:
    """Return who asks on behalf of every arm, after each has steered one short prompt.

    Args:
        model: The model.
        request: What is to be evaluated.
        profile: What the model's profile steers.
        route: How the bias is carried.

    Raises:
        BoldfaceError: The model has no chat template and is to chat, or an arm cannot be run on it.
    """
    if "chat" in request.settings and not getattr(model.tokenizer, "chat_template", None):
        raise TaskError("The model has no chat template.", "Evaluate it with --settings raw.")
    aims = [(arm, aim(arm, model.geometry.heads, profile, request.seed)) for arm in request.arms]
    if isinstance(model, VllmModel):
        askers: list[Asker] = [VllmAsker(model, arm, at, route) for arm, at in aims]
    else:
        askers = [Asker(model, arm, at, route) for arm, at in aims]
    for asker in askers:
        asker.rehearse()
    return askers


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


def _agree(store: Store, known: Mapping[Place, str], asked: Iterable[tuple[Place | None, str]]) -> None:
    """Refuse to write a second record of one name: such a file could not be read any more."""
    for place, key in asked:
        if place is not None and known.get(place, key) != key:
            raise RecordError(
                f"{store.path} holds another {place.kind} of {place.task}: {place.arm} {place.example!r}.",
                "The data, the prompts or the steering were others then. Name another file with --out.",
            )


def _key(case: Case, arm: Arm, asker: Asker, asked: Asked) -> str:
    steering: Mapping[str, Any] = {name: str(value) for name, value in asker.said.items()}
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
