"""Run a sweep: the plain model, point after point, the choice, and proof of it on rows that chose nothing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from boldface.errors import SweepError
from boldface.evaluation.reading import contents_of
from boldface.evaluation.results import Results
from boldface.profiling.choosing import MOST_DIVERGENCE
from boldface.profiling.laboratory import Budget
from boldface.records.store import Store
from boldface.sweeps.choosing import Choice, Tried, choose, objections
from boldface.sweeps.measure import BASELINE, Groups, Measure, measure
from boldface.sweeps.objectives import Objective
from boldface.sweeps.point import Point
from boldface.sweeps.questions import Part, Questions
from boldface.sweeps.study import Study
from boldface.sweeps.workers import Done, Job, Workers

PLACEBOS = ("other-span", "random-heads")
"""What the recommended point is compared with in the end, beside the plain model."""
_PLAIN: tuple[Part, ...] = ("search", "proof")
_FEW = 12
"""Points without which a sweep says little."""
_RECENT = 6
"""Trials whose time says how long the next one takes."""


class Progress(NamedTuple):
    """How a sweep goes on.

    Attributes:
        stage: What it does: ``plain``, ``points``, ``proof`` or ``test``.
        arm: Which arm has been measured.
        number: Of the trial; None where it is none.
        measure: What it did; None where the time was up.
        done: Trials of the study that have figures.
        left: Seconds that are left; None where time does not matter.
    """

    stage: str
    arm: str
    number: int | None
    measure: Measure | None
    done: int
    left: float | None


@dataclass
class Sweep:
    """What is to be done.

    Attributes:
        study: The study, opened.
        workers: Who asks the model.
        store: Takes the answers.
        questions: What is asked; read once, see :meth:`~boldface.sweeps.questions.Questions.held`.
        groups: Which rows count in which part.
        weighed: The objectives; the first decides.
        measured: Everything that is measured: these and more.
        budget: What may be spent; minutes count from ``began``, loading and closing included.
        began: By ``time.monotonic``.
        most_divergence: See :func:`~boldface.sweeps.choosing.choose`.
        watch: Told of progress.
    """

    study: Study
    workers: Workers
    store: Store
    questions: Questions
    groups: Mapping[Part, Groups]
    weighed: Sequence[Objective]
    measured: Sequence[Objective]
    budget: Budget = field(default_factory=Budget)
    began: float = field(default_factory=time.monotonic)
    most_divergence: float = MOST_DIVERGENCE
    watch: Callable[[Progress], None] = lambda progress: None
    _took: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    _scale: float = 1.0

    @property
    def end(self) -> float | None:
        """When all is to be over, by ``time.monotonic``."""
        return None if self.budget.minutes is None else self.began + 60 * self.budget.minutes

    @property
    def left(self) -> float | None:
        """Seconds that are left."""
        return None if self.end is None else self.end - time.monotonic()


def search(sweep: Sweep) -> tuple[Measure, list[Tried]]:
    """Measure the plain model and points, until the budget or the space is spent; what stands in the store is free.

    Raises:
        SweepError: The budget is too small for a single point, or no point has all objectives.
    """
    plain, lacking = _plain(sweep), set[str]()
    _check_time(sweep)
    for done in sweep.workers.run(_points(sweep)):
        found = _measured(sweep, done) if done.whole else None
        if found is not None and done.job.number is not None:
            lacking |= set(sweep.study.tell(done.job.number, found, sweep.weighed))
        _tell(sweep, "points", done, found)
    tried = sweep.study.tried()
    if not tried and lacking:
        raise SweepError(
            f"No point has a figure of {' and '.join(sorted(lacking))}.", "Weigh something else: --objectives."
        )
    if not tried:
        raise SweepError(
            "The budget was spent before a point was measured.",
            "Give more of it, or ask fewer --rows. What was answered is kept.",
        )
    return plain, tried


def recommend(sweep: Sweep, plain: Measure, tried: Sequence[Tried]) -> Choice:
    """Choose a point, and keep in the study which and why."""
    choice = choose(tried, plain, sweep.weighed, sweep.most_divergence)
    number = None if choice.chosen is None else choice.chosen.number
    against = {str(number): list(some) for number, some in choice.objections.items()}
    sweep.study.keep("choice", {"number": number, "why": choice.why, "objections": against})
    return choice


def prove(sweep: Sweep, point: Point, part: Part) -> dict[str, Measure]:
    """Ask the plain model, a point and its placebos rows that chose nothing; the time may be up before all is there.

    What is there is kept in the study with what speaks against the point, unless more of the same point is kept.

    Args:
        sweep: The sweep.
        point: The point.
        part: Which rows: ``proof`` or ``test``.
    """
    arms = [BASELINE, point.arm(), *(point.arm(placebo) for placebo in PLACEBOS)]
    found: dict[str, Measure] = {}
    for some in (arms[:1], arms[1:]):  # the others are compared with the plain answers
        for done in sweep.workers.run(Job(arm, part, until=sweep.end) for arm in some):
            measured = _measured(sweep, done) if done.whole else None
            _tell(sweep, part, done, measured)
            if measured is None:
                break
            found[done.job.arm] = measured
    ordered = {arm: found[arm] for arm in arms if arm in found and BASELINE in found}
    kept = sweep.study.kept(part)
    if ordered and (kept is None or kept["of"] != point.arm() or kept["arms"].keys() <= ordered.keys()):
        told = {arm: one.to_json() for arm, one in ordered.items()}
        sweep.study.keep(part, {"of": point.arm(), "arms": told, "objections": _against(sweep, ordered, point)})
    return ordered


def _against(sweep: Sweep, found: Mapping[str, Measure], point: Point) -> list[str]:
    """What speaks against a point on rows that did not choose it."""
    one = found.get(point.arm())
    return objections(one, found[BASELINE], sweep.weighed[0], sweep.most_divergence) if one is not None else []


def _plain(sweep: Sweep) -> Measure:
    """Ask the plain model; the rows of the proof too, because how long these take says what to leave for the end."""
    found: dict[Part, Measure] = {}
    took: dict[Part, float] = {}
    for part in (part for part in _PLAIN if part in sweep.groups):
        (done,) = sweep.workers.run(iter([Job(BASELINE, part, until=sweep.end)]))
        if not done.whole:
            raise SweepError(
                "The budget was spent before the plain model had answered.",
                "Give more of it, or ask fewer --rows. What was answered is kept.",
            )
        found[part] = _measured(sweep, done)
        took[part] = max(done.seconds, found[part].seconds)
        _tell(sweep, "plain" if part == "search" else part, done, found[part])
    if "proof" in took:
        sweep._scale = took["proof"] / took["search"]
    sweep.study.keep("plain", found["search"].to_json())
    return found["search"]


def _check_time(sweep: Sweep) -> None:
    """Refuse a budget in which not one point and the proof would be over, with the rows that would leave time.

    Raises:
        SweepError: It is one.
    """
    left, point, closing = sweep.left, median(sweep._took), _closing(sweep)
    if left is None or left >= point + closing or sweep.study.tried():
        return
    rows = int(sweep.questions.rows * left / (_FEW * point + closing))
    hint = f"Ask --rows {rows}, with which about {_FEW} points would fit, or give" if rows > 1 else "Give"
    raise SweepError(
        f"A point would take {point:.0f} s and its proof {closing:.0f} s, and {max(0.0, left):.0f} s are left.",
        f"{hint} more --minutes. What was answered is kept.",
    )


def _points(sweep: Sweep) -> Iterator[Job]:
    """The trials, each made up when somebody is idle; none that would not be over in time."""
    while True:
        expected, reserve = median(sweep._took) * sweep.workers.count, _closing(sweep)
        known = sweep.study.done() + sweep.study.open
        if sweep.left is not None and known and sweep.left < expected + reserve:
            return
        if sweep.budget.trials is not None and known >= sweep.budget.trials:
            return
        ask = sweep.study.ask()
        if ask is None:
            return
        yield Job(ask.arm, "search", ask.number, None if sweep.end is None else sweep.end - reserve)


def _closing(sweep: Sweep) -> float:
    """Seconds that proof and test will take."""
    if "proof" not in sweep.groups:
        return 0.0
    questions, arms = sweep.questions, 1 + len(PLACEBOS)
    test = questions.test / questions.proof * (arms + 1)
    return median(sweep._took) * sweep._scale * (arms + test)


def _measured(sweep: Sweep, done: Done) -> Measure:
    """What an arm did, by its answers in the store."""
    job, wanted = done.job, {done.job.arm, BASELINE}
    lines = (
        (sweep.store.path, line)
        for line in sweep.store.records.values()
        if line["kind"] == "example" or (line["kind"] in ("answer", "skipped") and line["arm"] in wanted)
    )
    tasks = {task.name: task for task in sweep.questions.tasks}
    found = measure(Results(contents_of(lines, tasks), tasks), job.arm, sweep.groups[job.part], sweep.measured)
    if job.part == "search":  # answers that stood there already took nothing now, and say all the same what others take
        sweep._took.append(max(done.seconds, found.seconds) / (1 if job.number is None else sweep.workers.count))
    return found


def _tell(sweep: Sweep, stage: str, done: Done, found: Measure | None) -> None:
    sweep.watch(Progress(stage, done.job.arm, done.job.number, found, sweep.study.done(), sweep.left))
