"""The first-order effect of every head at once: d score / d gain at gain 0, from one backward pass a batch.

A slope times gain 1 is what the effect would be if the score were linear in the gain. It is signed: heads that are
better turned away from the emphasis come last. Attribution by gradient, as in Michel et al., NeurIPS 2019 (importance
of heads), and Nanda's attribution patching (2023).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from boldface.emphasis.strength import DEFAULT_STRENGTH
from boldface.errors import ProfilingError
from boldface.profiles.heads import Head, HeadGains
from boldface.profiles.profile import Lift
from boldface.profiling.laboratory import BudgetSpent, Laboratory
from boldface.profiling.lesson import Lesson
from boldface.profiling.racing import LIKELY
from boldface.profiling.ranking import Ranking, given
from boldface.profiling.rounds import rounds
from boldface.profiling.tally import Tally
from boldface.profiling.trial import Trial
from boldface.steering.plan import Scope


@dataclass(frozen=True)
class Gradient:
    """Takes the slope of every head.

    Calm lessons are passed over: at gain 0 nothing diverges from the plain model, and the slope is 0 by nature.

    Attributes:
        strength: Of the emphasis, in nats.
        scope: Which queries are steered.
        batch: Lessons of a trial.
        rule: Whether generated tokens are lifted too.
    """

    name: ClassVar[str] = "gradient"

    strength: float = DEFAULT_STRENGTH
    scope: Scope = "all"
    batch: int = 8
    rule: Lift = "pasta"

    def rank(
        self, lab: Laboratory, lessons: Mapping[str, Sequence[Lesson]], heads: Sequence[tuple[int, int]]
    ) -> dict[str, Ranking]:
        """Return one ranking a task; see :class:`~boldface.profiling.ranking.Method`."""
        wanted = {task: [lesson for lesson in some if lesson.kind == "obey"] for task, some in lessons.items()}
        laid = rounds(wanted, self.batch)
        named = [Head(*head) for head in heads]
        tallies = {task: Tally(named, LIKELY) for task in wanted}
        read: Counter[str] = Counter()
        try:
            for done, (task, batch) in enumerate(laid):
                trial = Trial(batch, HeadGains(), self.strength, "gradient", self.scope, self.rule)
                (reading,) = lab.run([trial], "slopes of all heads", total=len(laid), done=done)
                slopes = np.array(reading.gradient).T
                if len(slopes) != len(named):
                    raise ProfilingError(
                        f"{len(named)} heads are to be ranked, and the model has {len(slopes)}.", "Name all of them."
                    )
                tallies[task].add([lesson.example.group for lesson in batch], np.zeros(len(batch)), slopes)
                read[task] += 1
        except BudgetSpent:
            if bare := [task for task in wanted if not read[task]]:
                raise ProfilingError(
                    f"The budget ended before {bare[0]!r} was looked at.", "Give more of it; what was measured is kept."
                ) from None
        looks = Counter(task for task, _ in laid)
        return {
            task: Ranking(
                task, self.name, tally.effects(), given(wanted[task]), "rows" if read[task] == looks[task] else "budget"
            )
            for task, tally in tallies.items()
        }
