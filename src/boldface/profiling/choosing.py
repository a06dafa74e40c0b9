"""Choose among gains and strengths on the validation split, by strict answers and not by likelihoods."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from boldface.errors import ProfilingError
from boldface.metrics.statistics import Estimate, estimate, mean_of
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Lift, Scope
from boldface.profiling.laboratory import BudgetSpent, Laboratory
from boldface.profiling.lesson import Lesson
from boldface.profiling.trial import Reading, Trial
from boldface.tasks.catalogue import find_task
from boldface.tasks.task import Metric

PLAIN = "plain"
AS_GOOD = 0.5
"""Standard errors of the best by which a setting may fall behind and still be as good."""
MOST_DIVERGENCE = 0.3
"""Nats a token by which emphasis that should change nothing may move the model."""


@dataclass(frozen=True)
class Setting:
    """Something to be judged.

    Attributes:
        name: What it is, in words.
        gains: Gains of the heads.
        strength: In nats.
        scope: Which queries are steered.
        rule: Whether generated tokens are lifted too.
    """

    name: str
    gains: HeadGains
    strength: float
    scope: Scope = "all"
    rule: Lift = "pasta"


@dataclass(frozen=True)
class Judged:
    """What a setting did on the validation split.

    Attributes:
        setting: The setting.
        tasks: Task to its strict metric, a share.
        average: Their mean; None when no task has such a metric.
        stuck: Share of written answers that repeat themselves.
        written: How many there are.
        divergence: KL(plain ‖ steered) where emphasis should change nothing, nats a token; None when not measured.
    """

    setting: Setting
    tasks: Mapping[str, Estimate]
    average: Estimate | None
    stuck: float
    written: int
    divergence: float | None


def judge(lab: Laboratory, setting: Setting, lessons: Mapping[str, Sequence[Lesson]], stage: str) -> Judged:
    """Let a setting answer the lessons of every subject; a row that is asked in two ways counts as two.

    Raises:
        BudgetSpent: Before it had.
    """
    trials = {
        subject: Trial(tuple(some), setting.gains, setting.strength, "answers", setting.scope, setting.rule)
        for subject, some in lessons.items()
    }
    readings = dict(zip(trials, lab.run(list(trials.values()), stage), strict=True))
    right: dict[str, list[float]] = {}
    stuck, divergences = [], []
    for subject, reading in readings.items():
        task = lessons[subject][0].task
        metric = find_task(task).chosen_by
        values = joined(metric, lessons[subject], reading)
        if metric.unit == "share":
            right.setdefault(task, []).extend(values)
        elif metric.name == "divergence":
            divergences += values
        stuck += [score for score in reading.scores.get("repeats", ()) if score is not None]
    shares = {task: estimate(values, share=True) for task, values in right.items() if values}
    return Judged(
        setting,
        shares,
        mean_of(list(shares.values()), alike=False) if shares else None,
        fmean(stuck) if stuck else 0.0,
        len(stuck),
        fmean(divergences) if divergences else None,
    )


def joined(metric: Metric, lessons: Sequence[Lesson], reading: Reading) -> list[float]:
    """Return a metric's score of every data row of a subject; rows without one are left out."""
    rows: dict[str, list[float]] = {}
    for lesson, score in zip(lessons, reading.scores[metric.name], strict=True):
        if score is not None:
            rows.setdefault(lesson.example.group, []).append(score)
    joins: dict[str, Callable[[list[float]], float]] = {"mean": fmean, "all": min, "any": max}
    join = joins[metric.within]
    return [join(scores) for scores in rows.values()]


def choose(
    lab: Laboratory,
    settings: Sequence[Setting],
    lessons: Mapping[str, Sequence[Lesson]],
    *,
    most_divergence: float = MOST_DIVERGENCE,
) -> tuple[Judged, list[Judged]]:
    """Return the best setting, and what all of them did, the plain model first.

    A setting is out when its answers get stuck more often than plain ones do (by more than twice the standard error of
    that), when it falls below plain on a task by more than one standard error, when it moves the model too far where
    emphasis should change nothing, or when it is no better than plain on average. Of what is left the highest average
    wins; among those as good within half a standard error the one with the fewest heads, then the gentlest.

    Args:
        lab: Where trials are run.
        settings: What to choose among, in order of preference.
        lessons: Subject to lessons of the validation split.
        most_divergence: Nats a token.

    Raises:
        ProfilingError: There is no setting, none is left, or the budget was spent before one was judged.
    """
    if not settings:
        raise ProfilingError("There is nothing to choose among: no head was found.", "Learn from more rows.")
    told: list[Judged] = []
    try:
        for number, setting in enumerate([Setting(PLAIN, HeadGains(), 0.0), *settings]):
            told.append(judge(lab, setting, lessons, f"judging {setting.name}"))
            lab.tell(f"judging {setting.name}", describe(told[-1]), done=number, total=len(settings))
    except BudgetSpent:
        if len(told) < 2:
            raise ProfilingError("The budget was spent before a setting was judged.", "Give more of it.") from None
    plain, *others = told
    left = [one for one in others if not objections(one, plain, most_divergence)]
    if not left:
        why = "; ".join(f"{one.setting.name}: {objections(one, plain, most_divergence)[0]}" for one in others)
        raise ProfilingError(
            f"No setting does more good than harm ({why}).", "Learn longer, on more rows or other tasks."
        )
    best = max(left, key=_average)
    least = _average(best) - AS_GOOD * (best.average.stderr if best.average else 0.0)
    close = [one for one in left if _average(one) >= least]
    return min(close, key=lambda one: (len(one.setting.gains), one.setting.strength, -_average(one))), told


def objections(one: Judged, plain: Judged, most_divergence: float) -> list[str]:
    """Return why a setting is out; empty when it is not."""
    found = []
    written = max(plain.written, 1)
    allowed = plain.stuck + 2 * math.sqrt(max(plain.stuck * (1 - plain.stuck), 1 / written) / written)
    if one.stuck > allowed:
        found.append(f"{one.stuck:.0%} of its answers repeat themselves, {plain.stuck:.0%} of the plain ones")
    if one.divergence is not None and one.divergence > most_divergence:
        found.append(f"it moves the model by {one.divergence:.2f} nats a token where nothing should change")
    for task, share in one.tasks.items():
        before = plain.tasks[task]
        if share.mean < before.mean - max(share.stderr, before.stderr):  # either is 0 where all rows are alike
            found.append(f"{task} falls from {before.mean:.0%} to {share.mean:.0%}")
    if _average(one) <= _average(plain):
        found.append(f"{_average(one):.1%} of its answers are right, {_average(plain):.1%} of the plain ones")
    return found


def describe(one: Judged) -> str:
    """Return a line for people."""
    said = []
    if one.average is not None:
        shares = ", ".join(f"{task} {share.mean:.0%}" for task, share in one.tasks.items())
        said.append(f"{one.average.mean:.1%} right ({shares})")
    if one.written:
        said.append(f"{one.stuck:.0%} repeat themselves")
    if one.divergence is not None:
        said.append(f"neutral text moves by {one.divergence:.2f} nats a token")
    return "; ".join([*said, f"{len(one.setting.gains)} heads"])


def _average(one: Judged) -> float:
    return -math.inf if one.average is None else one.average.mean
