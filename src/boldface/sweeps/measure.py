"""What an arm did, as a sweep weighs it: an estimate of every objective, and what may speak against it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from boldface.evaluation.quality import MATCHED, matched_pair
from boldface.evaluation.record import Case
from boldface.evaluation.results import Results
from boldface.metrics.statistics import Estimate, estimate
from boldface.sweeps.objectives import Objective

BASELINE = "plain"
Groups = Mapping[Case, frozenset[str]]
"""Case to the groups (data rows) that count."""


@dataclass(frozen=True)
class Measure:
    """What an arm did on some rows.

    Attributes:
        objectives: Objective to its estimate; one that cannot be told is not there.
        tasks: Task to its strict metric, a share.
        stuck: Share of written answers that repeat themselves.
        written: How many there are.
        rows: Data rows, the fewest of any task.
        seconds: Time of all answers.
    """

    objectives: Mapping[str, Estimate]
    tasks: Mapping[str, Estimate]
    stuck: float
    written: int
    rows: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; what is infinite is None."""
        return {
            **asdict(self),
            "objectives": {name: _line(one) for name, one in self.objectives.items()},
            "tasks": {name: _line(one) for name, one in self.tasks.items()},
        }

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Measure:
        """Read what :meth:`to_json` wrote."""
        return cls(
            **{
                **line,
                "objectives": {name: _read(one) for name, one in line["objectives"].items()},
                "tasks": {name: _read(one) for name, one in line["tasks"].items()},
            }
        )


def measure(results: Results, arm: str, groups: Groups, objectives: Sequence[Objective]) -> Measure:
    """Return what an arm did.

    Args:
        results: That hold the arm and the plain one.
        arm: Name of the arm.
        groups: What counts.
        objectives: What is weighed.
    """
    found = {}
    for objective in objectives:
        parts = [_part(results, arm, groups, task, metric) for task, metric in objective.parts]
        known = [part for part in parts if part is not None]
        if known and len(known) == len(parts):
            found[objective.name] = together(known)
    tasks: dict[str, Estimate] = {}
    for task in dict.fromkeys(case.task for case in groups):
        metric = results.tasks[task].chosen_by
        if metric.unit == "share" and (share := _part(results, arm, groups, task, metric.name)) is not None:
            tasks[task] = share
    stuck: list[float] = []
    for case, some in groups.items():
        if results.words(case, arm):
            scores = results.scores(case, arm, "repeats")
            stuck += [score for group, score in scores.items() if group in some]
    return Measure(
        found,
        tasks,
        fmean(stuck) if stuck else 0.0,
        len(stuck),
        min((len(some) for some in groups.values()), default=0),
        _seconds(results, arm, groups),
    )


def together(estimates: Sequence[Estimate]) -> Estimate:
    """Return the mean of some estimates, each of the same weight, taken to be independent.

    The interval is put together from theirs (Zou and Donner 2008, "Construction of confidence limits about effect
    measures", MOVER): so it stays between 0 and 1 for shares, and has a width where all rows of a task were alike.
    """
    count = len(estimates)
    mean = math.fsum(one.mean for one in estimates) / count
    below, above = (
        math.hypot(*sides) / count
        for sides in ([one.mean - one.low for one in estimates], [one.high - one.mean for one in estimates])
    )
    stderr = math.hypot(*(one.stderr for one in estimates)) / count
    return Estimate(mean, stderr, mean - below, mean + above, min(one.n for one in estimates))


def _part(results: Results, arm: str, groups: Groups, task: str, metric: str) -> Estimate | None:
    """A task's estimate; None where a setting or a wording of it cannot be told.

    A row's answers in several settings and wordings depend on each other, so they are joined before errors are taken.
    """
    cases = [case for case in groups if case.task == task]
    scores = [_of(results, arm, case, groups[case], metric) for case in cases]
    if not scores or not all(scores):
        return None
    joined: dict[str, list[float]] = {}
    for group, score in (pair for of_case in scores for pair in of_case.items()):
        joined.setdefault(group, []).append(score)
    values = [fmean(some) for some in joined.values()]
    if metric == "seconds":  # rows of a batch share its time, so that they say nothing of an error
        return Estimate(fmean(values), math.inf, -math.inf, math.inf, len(values))
    share = metric != MATCHED and all(results.metric(case, metric).unit == "share" for case in cases)
    return estimate(values, share=share)


def _of(results: Results, arm: str, case: Case, some: frozenset[str], metric: str) -> dict[str, float]:
    """The score of every group that counts and has one."""
    if metric == "seconds":
        return _times(results, arm, case, some)
    if metric == MATCHED:
        return _against_plain(results, arm, case, some)
    return {group: score for group, score in results.scores(case, arm, metric).items() if group in some}


def _against_plain(results: Results, arm: str, case: Case, some: frozenset[str]) -> dict[str, float]:
    """Matched entropy minus the plain answer's, of every group."""
    metric = results.metric(case, MATCHED)
    sides = matched_pair(results.words(case, arm), results.words(case, BASELINE))
    ours, theirs = (results.joined(case, metric, scores) for scores in sides)
    return {group: ours[group] - theirs[group] for group in ours if group in theirs and group in some}


def _times(results: Results, arm: str, case: Case, some: frozenset[str]) -> dict[str, float]:
    """Seconds of every group, divided by the plain model's mean."""
    ours, theirs = (_by_group(results, name, case, some) for name in (arm, BASELINE))
    usual = fmean(theirs.values()) if theirs else 0.0
    return {group: seconds / usual for group, seconds in ours.items()} if usual else {}


def _by_group(results: Results, arm: str, case: Case, some: frozenset[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for answer in results.contents.answers.get(case, {}).get(arm, {}).values():
        if (group := answer.example.group) in some:
            found[group] = found.get(group, 0.0) + answer.record.cost.seconds
    return found


def _seconds(results: Results, arm: str, groups: Groups) -> float:
    return math.fsum(
        seconds for case, some in groups.items() for seconds in _by_group(results, arm, case, some).values()
    )


def _line(one: Estimate) -> dict[str, float | int | None]:
    """An estimate as JSON values: the error of one row is infinite, which JSON cannot say."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(one).items()
    }


def _read(line: Mapping[str, Any]) -> Estimate:
    bounds = {"stderr": math.inf, "low": -math.inf, "high": math.inf}
    return Estimate(**{**line, **{name: bound for name, bound in bounds.items() if line[name] is None}})
