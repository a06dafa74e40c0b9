"""The point to work at: of the front, what does more good than harm, and of what is as good the gentlest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from boldface.evaluation.numerals import SUFFIX, with_error, written
from boldface.metrics.statistics import Estimate
from boldface.profiling.choosing import AS_GOOD, MOST_DIVERGENCE
from boldface.sweeps.measure import Measure
from boldface.sweeps.objectives import Objective
from boldface.sweeps.point import Point


@dataclass(frozen=True)
class Tried:
    """A point that was measured.

    Attributes:
        number: Of the trial.
        arm: The arm that measured it.
        params: The trial's parameters.
        measure: What it did.
        front: Whether no other point is better in one objective and as good in all others.
    """

    number: int
    arm: str
    params: Mapping[str, Any]
    measure: Measure
    front: bool

    @property
    def point(self) -> Point:
        """The operating point."""
        return Point.of(self.params)


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Attributes:
        chosen: The point; None where every one does more harm than good.
        why: The reason, in sentences.
        objections: Trial to what speaks against it; those of the front alone.
    """

    chosen: Tried | None
    why: str
    objections: Mapping[int, Sequence[str]]


def choose(
    tried: Sequence[Tried], plain: Measure, objectives: Sequence[Objective], most_divergence: float = MOST_DIVERGENCE
) -> Choice:
    """Return the recommended point.

    Of the front, points with an objection are out (see :func:`objections`). Of what is left the best in the first
    objective is taken; or, of those that are behind it by no more than half its standard error, the one that moves the
    model least where nothing should change; where that is not measured, the one of fewest heads, then the weakest.

    Args:
        tried: All points that were measured.
        plain: What the plain model does on the same rows.
        objectives: What was weighed; the first decides.
        most_divergence: Nats a token by which a point may move the model where nothing should change.
    """
    front = [one for one in tried if one.front]
    against = {one.number: objections(one.measure, plain, objectives[0], most_divergence) for one in front}
    left = [one for one in front if not against[one.number]]
    if not left:
        said = "; ".join(f"point {number}: {some[0]}" for number, some in against.items())
        return Choice(
            None, f"No point of the front does more good than harm ({said or 'nothing was measured'}).", against
        )
    first = objectives[0]
    best = max(left, key=lambda one: _good(one.measure, first))
    error = best.measure.objectives[first.name].stderr
    least = _good(best.measure, first) - AS_GOOD * (error if math.isfinite(error) else 0.0)
    close = [one for one in left if _good(one.measure, first) >= least]
    chosen = min(close, key=_gentleness)
    return Choice(chosen, _why(chosen, best, close, len(front) - len(left), first), against)


def objections(one: Measure, plain: Measure, first: Objective, most_divergence: float) -> list[str]:
    """Return what speaks against a point; empty when nothing does.

    It is no better than plain in the first objective, or that cannot be told; a task's strict metric falls below
    plain's by more than a standard error; its answers get stuck more often than plain ones by more than twice the error
    of that; or it moves the model too far where emphasis should change nothing.

    Args:
        one: What the point did.
        plain: What the plain model did.
        first: The first objective.
        most_divergence: Nats a token.
    """
    found = []
    if not all(first.name in side.objectives for side in (one, plain)):
        found.append(f"{first.name} cannot be told")
    elif _good(one, first) <= _good(plain, first):
        unit = first.metric.unit
        found.append(
            f"{first.name} is {_said(one.objectives[first.name], unit)}, no better than plain "
            f"({_said(plain.objectives[first.name], unit)})"
        )
    for task, share in one.tasks.items():
        before = plain.tasks.get(task)
        if before is not None and share.mean < before.mean - max(share.stderr, before.stderr):
            found.append(f"{task} falls from {before.mean:.0%} to {share.mean:.0%}")
    count = max(plain.written, 1)
    allowed = plain.stuck + 2 * math.sqrt(max(plain.stuck * (1 - plain.stuck), 1 / count) / count)
    if one.stuck > allowed:
        found.append(f"{one.stuck:.0%} of its answers repeat themselves, {plain.stuck:.0%} of the plain ones")
    moved = one.objectives.get("divergence")
    if moved is not None and moved.mean > most_divergence:
        found.append(f"it moves the model by {moved.mean:.2f} nats a token where nothing should change")
    return found


def _good(measure: Measure, objective: Objective) -> float:
    """An objective, higher being better."""
    mean = measure.objectives[objective.name].mean
    return -mean if objective.metric.better == "lower" else mean


def _gentleness(one: Tried) -> tuple[float, int, float]:
    moved = one.measure.objectives.get("divergence")
    return (moved.mean if moved else 0.0, one.point.heads, abs(one.point.strength))


def _why(chosen: Tried, best: Tried, close: Sequence[Tried], out: int, first: Objective) -> str:
    """The reason in words."""
    figure = with_error(chosen.measure.objectives[first.name], first.metric.unit)
    unit = SUFFIX[first.metric.unit]
    said = f"{first.metric.title} {figure} {unit}".rstrip()
    these = f"{out} of the front {'is' if out == 1 else 'are'} out, because of harm; of the rest" if out else "of these"
    if len(close) == 1:
        return f"{these} it is the best: {said}."
    if chosen is best:
        return f"{these} it is the best, and the gentlest of {len(close)} that are as good: {said}."
    top = f"{with_error(best.measure.objectives[first.name], first.metric.unit)} {unit}".rstrip()
    moved = "moves the model least where nothing should change"
    kind = moved if "divergence" in chosen.measure.objectives else "has the fewest heads and the least strength"
    return (
        f"{these} {len(close)} are as good as the best ({top}, point {best.number}) within half its "
        f"standard error, and it {kind}: {said}."
    )


def _said(estimate: Estimate, unit: str) -> str:
    return f"{written(estimate.mean, unit)} {SUFFIX[unit]}".rstrip()
