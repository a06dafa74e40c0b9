"""Where trials are run: each once only, within a budget, kept as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from boldface.errors import ProfilingError
from boldface.profiling.trial import Reading, Trial
from boldface.records.store import Store


class Workers(Protocol):
    """Those who carry out trials: this process, or many.

    Attributes:
        count: How many trials run at a time.
    """

    count: int

    def run(self, trials: Sequence[Trial]) -> Iterator[Reading]:
        """Yield the readings of all trials, in any order, each as soon as it is there."""


@dataclass(frozen=True)
class Budget:
    """What may be spent; None is no limit. What stands in the store already counts too.

    Attributes:
        minutes: Time of the workers, divided by their number.
        trials: Trials.
    """

    minutes: float | None = None
    trials: int | None = None

    def __post_init__(self) -> None:
        for name in ("minutes", "trials"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ProfilingError(f"A budget of {value} {name} is nothing.", "Give more than 0, or no limit.")

    def part(self, share: float) -> Budget:
        """Return a share of it, at least one trial."""
        return Budget(
            None if self.minutes is None else self.minutes * share,
            None if self.trials is None else max(1, int(self.trials * share)),
        )


@dataclass
class Spent:
    """What has been spent.

    Attributes:
        trials: Trials whose readings were used, each counted once.
        passes: Their tokens through the model, a backward pass counted twice.
        seconds: Their time, divided by the number of workers.
    """

    trials: int = 0
    passes: int = 0
    seconds: float = 0.0
    _counted: set[str] = field(default_factory=set, repr=False)

    def count(self, reading: Reading, workers: int) -> None:
        """Count a reading, unless it was counted before."""
        if reading.key not in self._counted:
            self._counted.add(reading.key)
            self.trials += 1
            self.passes += reading.passes
            self.seconds += reading.seconds / workers

    def reaches(self, budget: Budget) -> bool:
        """Tell whether nothing is left."""
        over_time = budget.minutes is not None and self.seconds >= budget.minutes * 60
        return over_time or (budget.trials is not None and self.trials >= budget.trials)


class BudgetSpent(Exception):
    """Nothing is left for the trials that were asked for. What was read before is in the store."""


class Progress(NamedTuple):
    """How a method goes on.

    Attributes:
        stage: What it does, in words.
        done: Trials of this stage that are there.
        total: All trials of this stage.
        known: How many of ``done`` stood in the store.
        told: What has come out so far, in words.
        spent: All that has been spent.
    """

    stage: str
    done: int
    total: int
    known: int
    told: str
    spent: Spent


Watch = Callable[[Progress], None]


@dataclass
class Laboratory:
    """Runs trials.

    Attributes:
        store: An open store; its facts name the model.
        workers: Who carries the trials out.
        budget: What may be spent.
        watch: Told of progress.
        spent: What has been spent.
    """

    store: Store
    workers: Workers
    budget: Budget = Budget()
    watch: Watch = lambda progress: None
    spent: Spent = field(default_factory=Spent)

    def run(self, trials: Sequence[Trial], stage: str, *, total: int | None = None, done: int = 0) -> list[Reading]:
        """Return the readings of trials, in their order; what stands in the store is not run again.

        Args:
            trials: What is to be measured.
            stage: What for, in words.
            total: Trials of the whole stage, where this is a part of it.
            done: How many of these were there before.

        Raises:
            BudgetSpent: Before all of them were there.
        """
        found: dict[str, Reading] = {}
        for reading, known in self._readings(trials):
            found[reading.key] = reading
            self.spent.count(reading, self.workers.count)
            self.watch(Progress(stage, done + len(found), total or len(trials), int(known), "", self.spent))
            if len(found) < len({trial.key for trial in trials}) and self.spent.reaches(self.budget):
                raise BudgetSpent
        return [found[trial.key] for trial in trials]

    def tell(self, stage: str, told: str, *, done: int = 0, total: int = 0) -> None:
        """Tell of a result."""
        self.watch(Progress(stage, done, total, 0, told, self.spent))

    def _readings(self, trials: Iterable[Trial]) -> Iterator[tuple[Reading, bool]]:
        if self.spent.reaches(self.budget):
            raise BudgetSpent
        distinct = {trial.key: trial for trial in trials}
        for key in distinct:
            if (line := self.store.records.get(key)) is not None:
                yield Reading.from_line(line), True
        missing = [trial for key, trial in distinct.items() if key not in self.store.records]
        for reading in self.workers.run(missing) if missing else ():
            self.store.append([reading.to_line(distinct[reading.key])])
            yield reading, False
