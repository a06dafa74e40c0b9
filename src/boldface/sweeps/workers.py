"""Who asks the model: this process, or workers of Ray, each with a copy."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from boldface.engine.heads import Selected
from boldface.engine.model import Model
from boldface.evaluation.arms import find_arm
from boldface.evaluation.record import Case
from boldface.evaluation.run import Request, Step, Watch, evaluate, take
from boldface.profiling.ray_workers import RayWorkers
from boldface.records.store import Store, key_of
from boldface.sweeps.questions import Part, Questions, held
from boldface.tasks.catalogue import find_task
from boldface.tasks.data import Data


@dataclass(frozen=True)
class Job:
    """An arm that is to be asked.

    Attributes:
        arm: Its name.
        part: Which rows.
        number: Of the trial; None is no trial.
        until: When the time is up, by this process's ``time.monotonic``; None is never.
    """

    arm: str
    part: Part = "search"
    number: int | None = None
    until: float | None = None

    @property
    def left(self) -> float | None:
        """Seconds that it may take."""
        return None if self.until is None else max(0.0, self.until - time.monotonic())


@dataclass(frozen=True)
class Done:
    """A job that has ended.

    Attributes:
        job: The job.
        whole: Whether every answer is there; else the time was up, and what is there is kept.
        seconds: What it took.
    """

    job: Job
    whole: bool
    seconds: float


class Workers(Protocol):
    """Who carries jobs out.

    Attributes:
        count: How many at a time.
    """

    count: int

    def run(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Yield the jobs that have ended; one is taken when somebody is idle, and its answers are in the store."""


class Here:
    """Asks the model of this process, and keeps every batch as soon as it is answered.

    Args:
        model: The model.
        questions: What is asked.
        data: The data sets.
        store: An open store.
        profile: What the model's profile steers.
        route: How the bias is carried.
        watch: Told of progress.
    """

    count = 1

    def __init__(
        self,
        model: Model,
        questions: Questions,
        data: Data,
        store: Store,
        profile: Selected,
        *,
        route: str = "auto",
        watch: Watch = lambda step: None,
    ) -> None:
        self.model, self.questions, self.data, self.store = model, questions, data, store
        self.profile, self.route, self.watch = profile, route, watch

    def run(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Yield the jobs, one after the other."""
        for job in jobs:
            began = time.monotonic()
            request = replace(self.questions.request(job.part), arms=(find_arm(job.arm),))
            clock = _Clock(None if self._stands(request) else job.left, self.watch)
            with suppress(TimeUp):
                evaluate(
                    self.model, request, self.data, self.store, profile=self.profile, watch=clock, route=self.route
                )
            yield Done(job, clock.whole, time.monotonic() - began)

    def _stands(self, request: Request) -> bool:
        """Whether every answer is in the store, so that reading them takes no time of the budget."""
        arms = {arm.name for arm in request.arms}
        there = {
            (Case(**line["case"]), line["example"])
            for line in self.store.records.values()
            if line["kind"] in ("answer", "skipped") and line["arm"] in arms
        }
        return all(
            (case, example.id) in there
            for task, case in request.cases
            for example in take(task, case, self.data, request.rows)
        )


class TimeUp(Exception):
    """The time of a job is up."""


class _Clock:
    """Looks at the time after every batch."""

    def __init__(self, seconds: float | None, watch: Watch = lambda step: None) -> None:
        self.end = None if seconds is None else time.monotonic() + seconds
        self.watch, self.done, self.whole = watch, 0, False

    def __call__(self, step: Step) -> None:
        self.watch(step)
        self.done += step.done
        self.whole = self.done >= step.total
        if self.end is not None and time.monotonic() > self.end and not self.whole:
            raise TimeUp


@dataclass(frozen=True)
class Errand:
    """A job as it travels to another process: plain data.

    Attributes:
        job: The job.
        seconds: What it may take.
        tasks: Names of the tasks.
        questions: What is asked, without the tasks.
        folder: Of the data sets.
        profile: What the model's profile steers.
        route: How the bias is carried.
        facts: Of the store.
        known: Lines that stand in the store already.
    """

    job: Job
    seconds: float | None
    tasks: tuple[str, ...]
    questions: Questions
    folder: Path | None
    profile: Selected
    route: str
    facts: Mapping[str, Any]
    known: tuple[Mapping[str, Any], ...]

    @property
    def key(self) -> str:
        """Tells it from others."""
        return key_of(arm=self.job.arm, part=self.job.part)

    @property
    def says(self) -> str:
        """What it is, in words."""
        return f"{self.job.arm} on {', '.join(self.tasks)}"


class Hands:
    """Carries errands out on a worker's copy of the model, in a store of its own.

    Args:
        model: The copy.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._tasks: dict[str, Any] = {}
        self._data: dict[Path | None, Data] = {}

    def run(self, errands: Iterable[Errand]) -> Iterator[tuple[Done, list[dict[str, Any]]]]:
        """Yield every errand that has ended, with the lines that are new."""
        for errand in errands:
            tasks = tuple(self._tasks.setdefault(name, held(find_task(name))) for name in errand.tasks)
            data = self._data.setdefault(errand.folder, Data(errand.folder))
            job = replace(errand.job, until=None if errand.seconds is None else time.monotonic() + errand.seconds)
            with (
                tempfile.TemporaryDirectory() as folder,
                Store(Path(folder) / "answers.jsonl", errand.facts) as store,
            ):
                store.append(errand.known)
                questions = replace(errand.questions, tasks=tasks)
                here = Here(self.model, questions, data, store, errand.profile, route=errand.route)
                (done,) = here.run([job])
                known = {line["key"] for line in errand.known}
                yield done, [line for key, line in store.records.items() if key not in known]


class _Team(RayWorkers):
    """Workers of Ray that carry out errands."""

    hands: ClassVar[Any] = Hands


class Team:
    """Asks through workers of Ray. Use as a context manager.

    Args:
        here: What would ask in this process: what is asked, and the store that takes the answers.
        **how: As :class:`~boldface.profiling.ray_workers.RayWorkers` takes it.
    """

    def __init__(self, here: Here, **how: Any) -> None:
        self.here, self._team = here, _Team(here.model, **how)
        self.count = self._team.count

    def __enter__(self) -> Team:
        self._team.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._team.close()

    def run(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Yield the jobs as they end; their answers are in the store then."""
        errands = cast(Any, map(self._errand, jobs))
        for found in self._team.run(errands):
            done, lines = cast("tuple[Done, list[dict[str, Any]]]", found)
            self.here.store.append(lines)
            yield done

    def _errand(self, job: Job) -> Errand:
        here = self.here
        known = tuple(
            line
            for line in here.store.records.values()
            if line["kind"] == "example" or (line["kind"] in ("answer", "skipped") and line["arm"] == job.arm)
        )
        return Errand(
            job,
            job.left,
            tuple(task.name for task in here.questions.tasks),
            replace(here.questions, tasks=()),
            here.data.folder,
            here.profile,
            here.route,
            here.store.facts,
            known,
        )
