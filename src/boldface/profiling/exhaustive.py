"""Every head alone on every task: the paper's profiling (Zhang et al. 2024, section 3.2), as a race."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from boldface.profiles.heads import Head, HeadGains
from boldface.profiling.laboratory import Laboratory
from boldface.profiling.lesson import Lesson
from boldface.profiling.racing import Race
from boldface.profiling.ranking import SHARES, Ranking, count, given


@dataclass(frozen=True)
class Exhaustive:
    """Steers every head alone, with gain 1.

    The paper measures answers on 1 000 rows a task and never stops early: ``Race(measure="answers", racing=False)``.

    Attributes:
        race: How heads are measured and compared.
        shares: The parts of all heads that must be settled before it stops early.
    """

    name: ClassVar[str] = "exhaustive"

    race: Race = field(default_factory=Race)
    shares: tuple[float, ...] = SHARES

    def rank(
        self, lab: Laboratory, lessons: Mapping[str, Sequence[Lesson]], heads: Sequence[tuple[int, int]]
    ) -> dict[str, Ranking]:
        """Return one ranking a task; see :class:`~boldface.profiling.ranking.Method`."""
        every = {task: [Head(*head) for head in heads] for task in lessons}
        cuts = [count(share, len(heads)) for share in self.shares]
        return rank_alone(self.name, self.race, lab, lessons, every, cuts)


def rank_alone(
    method: str,
    race: Race,
    lab: Laboratory,
    lessons: Mapping[str, Sequence[Lesson]],
    heads: Mapping[str, Sequence[Head]],
    cuts: Sequence[int],
) -> dict[str, Ranking]:
    """Steer some heads of every task alone.

    Args:
        method: Name of the method, for the rankings.
        race: How heads are measured and compared.
        lab: Where trials are run.
        lessons: Task to its lessons.
        heads: Task to the heads that are looked at.
        cuts: Sizes of the best part that must be settled before it stops early.

    Raises:
        ProfilingError: As :meth:`Race.run`.
    """
    alone = {task: {head: HeadGains([head]) for head in some} for task, some in heads.items()}
    found = race.run(lab, lessons, alone, cuts, "one head at a time")
    return {
        task: Ranking(task, method, outcome.effects, given(lessons[task]), outcome.ended)
        for task, outcome in found.items()
    }
