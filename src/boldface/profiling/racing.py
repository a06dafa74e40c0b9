"""Racing: candidates are measured batch by batch until it is settled which are the best.

After every round each candidate has an interval for its effect, Student's t, so wide that a candidate's intervals of
all rounds hold together with 95 % confidence (Bonferroni's correction: error / (2 × rounds) on either side). It is
settled for a cut k when its upper end is below the k-th largest lower end (k others are better), or its lower end above
the k + 1st largest upper end (fewer than k others can be better). What is settled for all cuts is measured no further.

Correcting for the number of candidates too would promise that not one of them is on the wrong side. As two intervals
have to part, it is hardly ever so without: of 480 simulated races of 30 or 270 heads, normal and heavy-tailed (Student
with 3 degrees), none had a head on the wrong side, and the corrected ones took up to half as much again for the same.

Successive elimination by intervals: Maron and Moore, Hoeffding Races, NeurIPS 1993; Even-Dar et al., JMLR 2006;
accepting as well as rejecting: Bubeck et al., ICML 2013.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Generic, Literal, TypeVar

import numpy as np

from boldface.emphasis.strength import DEFAULT_STRENGTH
from boldface.errors import ProfilingError
from boldface.metrics.statistics import student
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Lift
from boldface.profiling.laboratory import BudgetSpent, Laboratory
from boldface.profiling.lesson import Lesson
from boldface.profiling.ranking import Effect, Ended
from boldface.profiling.rounds import Batch, rounds
from boldface.profiling.tally import Tally, Values
from boldface.profiling.trial import LIKELIHOOD, Reading, Trial
from boldface.steering.plan import Scope
from boldface.tasks.catalogue import find_task
from boldface.tasks.task import Metric

Key = TypeVar("Key", bound=Hashable)

LIKELY = Metric(LIKELIHOOD, "Likelihood", "Mean log-probability of the wanted answer, a token.", unit="nats")
"""The score of likelihood trials."""


@dataclass(frozen=True)
class Outcome(Generic[Key]):
    """What a race on one task gave.

    Attributes:
        effects: Of every candidate.
        ended: Why it ended.
    """

    effects: Mapping[Key, Effect]
    ended: Ended


@dataclass(frozen=True)
class Race:
    """How candidates are measured and compared.

    Attributes:
        strength: Of the emphasis, in nats.
        measure: ``likelihood`` of the wanted answers, or ``answers`` as the paper does, written and scored.
        metric: Name of the score of answers; None is the task's first one.
        scope: Which queries are steered.
        batch: Lessons of a trial.
        racing: Whether what is settled is measured no further; else everything is measured on all rows.
        error: Chance that any interval of a candidate misses.
        rule: Whether generated tokens are lifted too.
    """

    strength: float = DEFAULT_STRENGTH
    measure: Literal["likelihood", "answers"] = "likelihood"
    metric: str | None = None
    scope: Scope = "all"
    batch: int = 8
    racing: bool = True
    error: float = 0.05
    rule: Lift = "pasta"

    def __post_init__(self) -> None:
        if self.batch < 1 or not 0 < self.error < 1:
            raise ProfilingError(
                f"A race of {self.batch} lessons a trial and error {self.error} cannot be run.",
                "Give at least one lesson, and an error between 0 and 1.",
            )
        if self.measure == "likelihood" and self.metric is not None:
            raise ProfilingError(f"Likelihoods have no metric {self.metric!r}.", "Measure answers, or name no metric.")

    def run(
        self,
        lab: Laboratory,
        lessons: Mapping[str, Sequence[Lesson]],
        candidates: Mapping[str, Mapping[Key, HeadGains]],
        cuts: Sequence[int],
        stage: str,
    ) -> dict[str, Outcome[Key]]:
        """Measure the candidates of every task beside the plain model.

        Args:
            lab: Where trials are run.
            lessons: Task to its lessons.
            candidates: Task to what is compared on it.
            cuts: How many of the best are wanted; several are settled in one race.
            stage: What for, in words.

        Raises:
            ProfilingError: The budget ended before everything was measured once, a task has no lessons or no such
                metric, or a candidate has no score at all.
        """
        if bare := [task for task, some in candidates.items() if not some]:
            raise ProfilingError(f"There is nothing to compare on {', '.join(bare)}.", "Name at least one head.")
        laid = rounds(lessons, self.batch)
        looks = Counter(task for task, _ in laid)
        tallies = {task: Tally(candidates[task], self._metric(some[0].task)) for task, some in lessons.items()}
        running = {task: list(some) for task, some in candidates.items()}
        read, done, spent = Counter[str](), 0, False
        try:
            for place, (task, batch) in enumerate(laid):
                if not running[task]:
                    continue
                gains = [HeadGains(), *(candidates[task][key] for key in running[task])]
                trials = [Trial(batch, one, self.strength, self.measure, self.scope, self.rule) for one in gains]
                readings = lab.run(trials, stage, total=done + _left(laid[place:], running), done=done)
                _add(tallies[task], batch, running[task], readings)
                read[task] += 1
                done += len(trials)
                if self.racing:
                    settled = self._settled(tallies[task], cuts, looks[task])
                    running[task] = [key for key in running[task] if key not in settled]
                    told = f"{task}: {len(running[task])} of {len(candidates[task])} not settled"
                    lab.tell(stage, told, done=done, total=done + _left(laid[place + 1 :], running))
        except BudgetSpent:
            spent = True
        return {
            task: _outcome(task, tally, read[task], looks[task], spent=spent and bool(running[task]))
            for task, tally in tallies.items()
        }

    def _metric(self, task: str) -> Metric:
        if self.measure == "likelihood":
            return LIKELY
        metrics = find_task(task).metrics
        name = self.metric or metrics[0].name
        known = {metric.name: metric for metric in metrics if metric.better is not None}
        if name not in known:
            raise ProfilingError(f"{task!r} cannot be ranked by {name!r}.", f"Choose among {', '.join(known)}.")
        return known[name]

    def _settled(self, tally: Tally[Key], cuts: Sequence[int], looks: int) -> set[Key]:
        """Return the candidates of which it is known, for every cut, on which side they are."""
        level = self.error / (2 * looks)
        share = tally.metric.unit == "share"
        effects = tally.effects()
        ends = {key: _interval(effects.get(key), level, share=share) for key in tally.keys}
        lows, highs = (sorted(side, reverse=True) for side in zip(*ends.values(), strict=True))
        settled = set(ends)
        for cut in cuts:
            if cut < len(tally.keys):
                settled &= {key for key, (low, high) in ends.items() if high < lows[cut - 1] or low > highs[cut]}
        return settled


def _left(laid: Sequence[tuple[str, Batch]], running: Mapping[str, Sequence[Key]]) -> int:
    """Return the trials that there would be if nothing more were settled."""
    return sum(len(running[task]) + 1 for task, _ in laid if running[task])


def _add(tally: Tally[Key], batch: Batch, running: Sequence[Key], readings: Sequence[Reading]) -> None:
    name = tally.metric.name
    plain, *scores = (np.array(reading.scores.get(name, (None,) * len(batch)), dtype=float) for reading in readings)
    steered: Values = np.full((len(tally.keys), len(batch)), np.nan)
    at = {key: row for row, key in enumerate(tally.keys)}
    steered[[at[key] for key in running]] = scores
    tally.add([lesson.example.group for lesson in batch], plain, steered)


def _outcome(task: str, tally: Tally[Key], read: int, looks: int, *, spent: bool) -> Outcome[Key]:
    if not read:
        raise ProfilingError(
            f"The budget ended before everything was tried once on {task!r}.",
            "Give more of it; what was measured is kept. Or take smaller batches, or the method gradient.",
        )
    effects = tally.effects()
    if len(effects) < len(tally.keys):
        bare = next(key for key in tally.keys if key not in effects)
        raise ProfilingError(
            f"{tally.metric.name!r} has no value for any row of {task!r} with {bare} steered.",
            "Choose another metric, or more rows.",
        )
    return Outcome(effects, "rows" if read == looks else "budget" if spent else "settled")


def _interval(effect: Effect | None, level: float, *, share: bool) -> tuple[float, float]:
    """Return an interval that misses the effect with a chance of ``level`` on either side.

    Student's, which trusts the spread of the rows that were seen. Rows of a share may all be alike by chance; then, and
    whenever it is wider, the interval is Wilson's bound for rows of another kind that were not met.
    """
    if effect is None or effect.rows < 2:
        return -math.inf, math.inf
    half = student(1 - level, effect.rows - 1) * effect.stderr
    if share:
        squared = NormalDist().inv_cdf(1 - level) ** 2
        half = max(half, squared / (effect.rows + squared))
    return effect.mean - half, effect.mean + half
