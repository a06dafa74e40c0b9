"""From rankings to head sets: the best of one task, of all tasks, of any task, or of all tasks but one.

PASTA's strategies (Zhang et al. 2024, section 3.2): their multi-task set is the intersection of the tasks' best
parts; ``task-agnostic`` leaves the task out on which it is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Literal

from boldface.errors import ProfilingError
from boldface.profiles.heads import HeadGains
from boldface.profiling.ranking import Ranking

Strategy = Literal["task-specific", "task-agnostic", "intersection", "union"]

GRIDS: Mapping[Strategy, tuple[float, ...]] = {
    "task-specific": (0.01, 0.02, 0.05, 0.1),
    "task-agnostic": (0.2, 0.3, 0.4, 0.5, 0.65),
    "intersection": (0.2, 0.3, 0.4, 0.5, 0.65),
    "union": (0.005, 0.01, 0.02, 0.05),
}
"""Shares of all heads to try as a task's best part. What the reference implementation ships for LLaMA-7B and GPT-J
spans 0.3-7 % (task-specific), 15-78 % (task-agnostic), 17-78 % (intersection) and 0.1-8 % (union)."""


@dataclass(frozen=True)
class Candidate:
    """A head set and a strength, to be judged on the validation split.

    Attributes:
        strategy: Where the set comes from.
        k: Size of the best part of every task.
        gains: The heads, each with gain 1.
        strength: In nats.
    """

    strategy: Strategy
    k: int
    gains: HeadGains
    strength: float


def task_specific(rankings: Mapping[str, Ranking], task: str, k: int) -> HeadGains:
    """Return the k best heads of one task.

    Raises:
        ProfilingError: The task was not ranked, or k is out of range.
    """
    return _ranking(rankings, task).top(k)


def task_agnostic(rankings: Mapping[str, Ranking], without: str, k: int) -> HeadGains:
    """Return the heads among the k best of every task but one.

    Raises:
        ProfilingError: That task was not ranked, no other was, k is out of range, or there is no such head.
    """
    _ranking(rankings, without)
    return intersection({task: ranking for task, ranking in rankings.items() if task != without}, k)


def intersection(rankings: Mapping[str, Ranking], k: int) -> HeadGains:
    """Return the heads among the k best of every task.

    Raises:
        ProfilingError: Nothing was ranked, k is out of range, or there is no such head.
    """
    common = _common(rankings, k)
    if not common:
        raise ProfilingError(f"No head is among the {k} best of each of {', '.join(rankings)}.", _instead(rankings))
    return common


def union(rankings: Mapping[str, Ranking], k: int) -> HeadGains:
    """Return the heads among the k best of any task.

    Raises:
        ProfilingError: Nothing was ranked, or k is out of range.
    """
    return reduce(or_, _tops(rankings, k))


def candidates(
    strategy: Strategy,
    rankings: Mapping[str, Ranking],
    ks: Sequence[int],
    strengths: Sequence[float],
    *,
    task: str | None = None,
) -> list[Candidate]:
    """Return what a strategy offers for every k and strength, gentle before strong; equal head sets once.

    Args:
        strategy: Which.
        rankings: Task to its ranking.
        ks: Sizes of the best part; those that give no head, or are more than a method ranked, are passed over.
        strengths: In nats.
        task: For ``task-specific`` the task, for ``task-agnostic`` the one that is left out.

    Raises:
        ProfilingError: None of ``ks`` gives a head; a task is missing or not ranked.
    """
    if not ks or not strengths:
        raise ProfilingError("There is nothing to try.", "Give at least one k and one strength.")
    if strategy in ("task-specific", "task-agnostic"):
        if task is None:
            raise ProfilingError(f"The strategy {strategy!r} needs a task.", f"Choose among {', '.join(rankings)}.")
        _ranking(rankings, task)
        rankings = {one: rankings[one] for one in rankings if (one == task) == (strategy == "task-specific")}
    find = union if strategy == "union" else _common
    sets: dict[HeadGains, int] = {}
    ranked = min((len(ranking.effects) for ranking in rankings.values()), default=0)
    tried = sorted({k for k in ks if k <= ranked}) or [min(ks)]  # where none fits, the error says what would
    for k in tried:
        if gains := find(rankings, k):
            sets.setdefault(gains, k)
    if not sets:
        raise ProfilingError(
            f"Up to k = {tried[-1]} no head is among the best of each of {', '.join(rankings)}.", _instead(rankings)
        )
    return [Candidate(strategy, k, gains, strength) for gains, k in sets.items() for strength in sorted(set(strengths))]


def _ranking(rankings: Mapping[str, Ranking], task: str) -> Ranking:
    if task not in rankings:
        raise ProfilingError(f"The task {task!r} was not ranked.", f"Ranked were: {', '.join(rankings) or 'none'}.")
    return rankings[task]


def _tops(rankings: Mapping[str, Ranking], k: int) -> list[HeadGains]:
    if not rankings:
        raise ProfilingError("There is no ranking to take heads from.", "Rank the heads on at least one (other) task.")
    return [ranking.top(k) for ranking in rankings.values()]


def _common(rankings: Mapping[str, Ranking], k: int) -> HeadGains:
    return reduce(and_, _tops(rankings, k))


def _instead(rankings: Mapping[str, Ranking]) -> str:
    """Say what would give a head."""
    places = [{head: place for place, head in enumerate(ranking.order, 1)} for ranking in rankings.values()]
    shared = set.intersection(*map(set, places))
    if not shared:
        return "These rankings share no head at all: take the union, or keep more layers."
    least, head = min((max(place[head] for place in places), head) for head in shared)
    return f"With k = {least} there is one, {head}; or take the union, or fewer tasks."
