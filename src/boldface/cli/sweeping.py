"""``boldface sweep`` at work: the study opened, points measured, one chosen, proved and written."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn

from boldface.cli import terminal
from boldface.cli.measuring import facts
from boldface.engine.heads import Selected, select_heads
from boldface.engine.model import Model
from boldface.errors import TaskError
from boldface.evaluation.arms import find_arm
from boldface.evaluation.numerals import SUFFIX, written
from boldface.evaluation.run import Step
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile
from boldface.profiling.laboratory import Budget
from boldface.records.store import Store, key_of
from boldface.sweeps import run as runs
from boldface.sweeps import writing
from boldface.sweeps.ablation import Kind, ablation_arms, ablation_objectives
from boldface.sweeps.measure import Groups
from boldface.sweeps.objectives import DEFAULT, Objective, all_objectives, find_objectives
from boldface.sweeps.outcome import Outcome
from boldface.sweeps.point import Point
from boldface.sweeps.questions import Part, Questions
from boldface.sweeps.run import Sweep
from boldface.sweeps.space import Listed, Space
from boldface.sweeps.study import Sampler, Study
from boldface.sweeps.workers import Here, Team, Workers
from boldface.tasks.data import Data


@dataclass(frozen=True)
class Plan:
    """What is asked and weighed; the data were looked at, no model yet.

    Attributes:
        questions: What is asked.
        data: The data sets.
        groups: Which rows count in which part.
        weighed: The objectives.
        measured: Everything that is measured.
    """

    questions: Questions
    data: Data
    groups: Mapping[Part, Groups]
    weighed: tuple[Objective, ...]
    measured: tuple[Objective, ...]

    @classmethod
    def of(cls, questions: Questions, data: Data, objectives: Sequence[str] | None, *, ablation: Kind | None) -> Plan:
        """Read the data, and refuse what they cannot tell.

        Raises:
            MissingError: A data set is not there.
            SweepError: There are not enough rows, or no task tells an objective.
        """
        parts: tuple[Part, ...] = ("search",) if ablation else ("search", "proof")
        groups = {part: questions.groups(data, part) for part in parts}
        if questions.test and not ablation:
            groups["test"] = questions.groups(data, "test")
        asked = questions.asked(data)
        every = all_objectives(questions.tasks, asked)
        if ablation and objectives is None:
            objectives = ablation_objectives(questions.tasks)
        names = objectives or [one.name for one in every if one.name in DEFAULT]
        weighed = find_objectives(names, questions.tasks, asked)
        return cls(questions, data, groups, weighed, (*weighed, *(one for one in every if one not in weighed)))


@dataclass(frozen=True)
class Job:
    """Everything that was asked for.

    Attributes:
        plan: What is asked and weighed.
        base: The profile that is swept, or heads named by hand.
        space: What may be tried; None for an ablation.
        ablation: Which of the paper's; None for a sweep.
        sampler: Who proposes points.
        budget: What may be spent.
        began: When, by ``time.monotonic``.
        place: The storage.
        name: Of the study.
        records: Takes every answer.
        most_divergence: Nats a token.
        route: How the bias is carried.
        workers: How many.
        ray: Address of a cluster.
        options: How the model was loaded.
    """

    plan: Plan
    base: Profile | HeadGains
    space: Space | None
    ablation: Kind | None
    sampler: Sampler
    budget: Budget
    began: float
    place: str
    name: str
    records: Path
    most_divergence: float
    route: str
    workers: int
    ray: str | None
    options: Mapping[str, Any]


def run(model: Model, job: Job) -> Outcome:
    """Measure points, choose one and prove it, telling of progress on standard error.

    Raises:
        SweepError: The storage is of another sweep, or the budget too small.
        BoldfaceError: The profile does not fit the model, or an arm cannot be run on it.
    """
    plan = job.plan
    if "chat" in plan.questions.settings and not getattr(model.tokenizer, "chat_template", None):
        raise TaskError("The model has no chat template.", "Sweep it with --settings raw.")
    selected = select_heads(model.model, job.base, model.tokenizer)
    space = job.space or Listed(ablation_arms(job.ablation or "heads", selected, model.geometry.heads))
    known = facts(model, selected, plan.questions.seed)
    with Store(job.records, known) as store, ExitStack() as stack:
        tell = stack.enter_context(_telling(plan.weighed))
        study = Study.join(
            job.place,
            job.name,
            objectives=plan.weighed,
            space=space,
            facts={name: known[name] for name in known if name != "device"}
            | {"route": job.route}
            | plan.questions.said(plan.data),
            sampler="grid" if job.ablation else job.sampler,
            seed=plan.questions.seed,
            worker=_worker(store),
            first=[own.params] if (own := _own(selected, space)) else (),
        )
        here = Here(model, plan.questions, plan.data, store, selected, route=job.route, watch=tell.step)
        workers: Workers = here
        if job.workers > 1 or job.ray is not None:
            given = {name: value for name, value in job.options.items() if name != "threads"}
            team = Team(here, count=job.workers, address=job.ray, threads=job.options["threads"] or 1, **given)
            with terminal.waiting("starting workers …"):
                workers = stack.enter_context(team)
        sweep = Sweep(
            study,
            workers,
            store,
            plan.questions,
            plan.groups,
            plan.weighed,
            plan.measured,
            job.budget,
            job.began,
            job.most_divergence,
            tell,
        )
        plain, tried = runs.search(sweep)
        if job.ablation is None:
            choice = runs.recommend(sweep, plain, tried)
            if choice.chosen is not None:
                for part in ("proof", "test"):
                    if part in plan.groups:
                        runs.prove(sweep, choice.chosen.point, part)
        return Outcome.of(study)


def write(model: Model, base: Profile | HeadGains, outcome: Outcome, place: Path, *, force: bool) -> None:
    """Write the recommended point into a profile file.

    Raises:
        SweepError: No point is recommended, or rows that did not choose it speak against it and nobody forces it.
        HeadError: The file cannot be written.
    """
    selected = select_heads(model.model, base, model.tokenizer)
    known = base if isinstance(base, Profile) else None
    profile = writing.at_point(model, known, selected, outcome, place.stem, force=force)
    place.parent.mkdir(parents=True, exist_ok=True)
    profile.save(place)
    terminal.note(f"Wrote {place}: {len(profile.gains)} heads, {terminal.nats_and_factor(profile.strength)}.")


def _own(selected: Selected, space: Space | Listed) -> Point | None:
    """The profile's own point, where the space holds it: it is tried first."""
    if isinstance(space, Listed) or selected.scope not in ("all", "answer"):
        return None
    point = Point(round(selected.strength, 2), len(selected.gains), selected.scope)
    return point if space.holds(point) else None


def _worker(store: Store) -> str:
    """Who writes this file of records: the same after a crash."""
    known = next((line["worker"] for line in store.records.values() if line["kind"] == "sweep"), None)
    if known is None:
        known = uuid.uuid4().hex
        store.append([{"key": key_of(kind="sweep", worker=known), "kind": "sweep", "worker": known}])
    return str(known)


class _Teller:
    """Tells of every point, and of the time that is left."""

    def __init__(self, weighed: Sequence[Objective], bar: Progress | None) -> None:
        self.weighed, self.bar = weighed, bar
        self.line = bar.add_task("starting", total=None) if bar else None
        self.done = 0

    def step(self, step: Step) -> None:
        """Show which rows are asked."""
        self.done = self.done + step.done if self.bar and self.done < step.total else step.done
        if self.bar and self.line is not None:
            said = f"{find_arm(step.arm).title}: {step.case.task}"
            self.bar.update(self.line, description=said, total=step.total, completed=self.done)

    def __call__(self, told: runs.Progress) -> None:
        """Say what a point did."""
        self.done = 0
        place = "" if told.number is None else f"point {told.number}: "
        stage = {"points": "", "plain": ""}.get(told.stage, f"{told.stage}: ")
        left = "" if told.left is None else f"; {timedelta(seconds=max(0, round(told.left)))} left"
        figures = "the time was up; its answers are kept" if told.measure is None else self._figures(told)
        words = f"{stage}{place}{find_arm(told.arm).title}: {figures}{left}"
        if self.bar:
            self.bar.console.print(words, highlight=False, markup=False)
        else:
            terminal.note(words)

    def _figures(self, told: runs.Progress) -> str:
        found = told.measure.objectives if told.measure else {}
        return ", ".join(
            f"{one.name} {written(found[one.name].mean, one.metric.unit)} {SUFFIX[one.metric.unit]}".rstrip()
            if one.name in found
            else f"{one.name} n/a"
            for one in self.weighed
        )


@contextmanager
def _telling(weighed: Sequence[Objective]) -> Iterator[_Teller]:
    """Give somebody to tell of progress, on standard error: a bar where that is a terminal."""
    console = terminal.margin()
    if not console.is_terminal:
        yield _Teller(weighed, None)
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as bar:
        yield _Teller(weighed, bar)
