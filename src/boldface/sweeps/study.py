"""The study: every trial of a sweep in a storage of Optuna's, which survives a crash and which machines may share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from boldface.errors import SweepError
from boldface.records.store import differing, key_of
from boldface.sweeps.choosing import Tried
from boldface.sweeps.measure import Measure
from boldface.sweeps.objectives import Objective
from boldface.sweeps.storage import storage, telling

Sampler = Literal["tpe", "nsga2", "random", "grid"]
POPULATION = 12
"""Of NSGA-II: its first generation is drawn at random, and a budget of minutes has no fifty trials for that."""
_QUEUED = {"queued": True}
_BRIEF = 160
"""Letters of a value in an error."""
_SAME = 25
"""Points in a row that were measured before, after which a sampler has nothing new."""


class Tries(Protocol):
    """What may be tried; a :class:`~boldface.sweeps.space.Space` or a list."""

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna draws from."""

    @property
    def grid(self) -> list[dict[str, Any]]:
        """Everything there is."""

    @property
    def size(self) -> int | None:
        """How many there are, where that is known."""

    @property
    def said(self) -> dict[str, Any]:
        """All of it as JSON values."""

    def arm(self, params: Mapping[str, Any]) -> str:
        """Return the arm that measures a trial."""


class Ask(NamedTuple):
    """A trial that is to be carried out.

    Attributes:
        number: Of the trial.
        arm: The arm that measures it.
    """

    number: int
    arm: str


class Study:
    """A study, opened.

    Args:
        inner: Optuna's.
        space: What may be tried; None is to look at it only.
        worker: Who asks.
        fixed: Whether only what stands in the queue is tried.
    """

    def __init__(
        self, inner: optuna.Study, space: Tries | None = None, worker: str = "", *, fixed: bool = False
    ) -> None:
        self.inner, self.space, self.worker, self.fixed = inner, space, worker, fixed
        self._begun: dict[int, optuna.Trial] = {}

    @classmethod
    def join(
        cls,
        place: str,
        name: str,
        *,
        objectives: Sequence[Objective],
        space: Tries,
        facts: Mapping[str, Any],
        sampler: Sampler,
        seed: int,
        worker: str,
        first: Sequence[Mapping[str, Any]] = (),
    ) -> Study:
        """Open a study, or make it.

        What this worker had begun and not finished, because it was killed, is tried again first.

        Args:
            place: A file, or the URL of a database.
            name: Of the study: one storage holds many.
            objectives: What is weighed.
            space: What may be tried.
            facts: What every measure depends on, JSON values.
            sampler: Who proposes points.
            seed: Of the sampler; whoever joins a study, or goes on with it, draws otherwise.
            worker: Who asks; the same after a crash.
            first: Parameters that are tried first.

        Raises:
            SweepError: The storage cannot be used, or holds a study of that name with other facts.
        """
        said = {**facts, "space": space.said, "objectives": [one.name for one in objectives], "sampler": sampler}
        said = json.loads(json.dumps(said))
        with telling(place):
            inner = optuna.create_study(
                study_name=name,
                storage=storage(place, make=True),
                directions=[one.direction for one in objectives],
                load_if_exists=True,
            )
            known = inner.user_attrs.get("facts")
            if known is None:
                for params in space.grid if sampler == "grid" else first:
                    inner.enqueue_trial(dict(params), user_attrs=_QUEUED)
                inner.set_user_attr("facts", said)
            elif names := differing(known, said):
                told = ", ".join(f"{one} {_brief(known.get(one))}, not {_brief(said.get(one))}" for one in names)
                raise SweepError(
                    f"The study {name!r} in {place} was made with {told}.",
                    "Name another --study or --storage, or go back to that.",
                )
            own = seed if known is None else int(key_of(seed=seed, worker=worker, trials=len(inner.trials))[:7], 16)
            inner.sampler = _sampler(sampler, own)
            study = cls(inner, space, worker, fixed=sampler == "grid")
            study._take_up()
        return study

    @classmethod
    def show(cls, place: str, name: str | None) -> Study:
        """Open a study to look at it.

        Raises:
            SweepError: There is none of that name.
        """
        with telling(place):
            there = storage(place, make=False)
            names = optuna.get_all_study_names(there)
            if name is None and len(names) != 1:
                raise SweepError(f"{place} holds {len(names)} studies.", f"Name one with --study: {', '.join(names)}.")
            if name is not None and name not in names:
                raise SweepError(f"{place} holds no study {name!r}.", f"It holds {', '.join(names) or 'none'}.")
            return cls(optuna.load_study(study_name=name or names[0], storage=there))

    @property
    def facts(self) -> Mapping[str, Any]:
        """What every measure depends on."""
        found: Mapping[str, Any] = self.inner.user_attrs.get("facts", {})
        return found

    def keep(self, name: str, content: Any) -> None:
        """Keep JSON values beside the trials."""
        self.inner.set_user_attr(name, content)

    def kept(self, name: str) -> Any:
        """Return what was kept; None where nothing was."""
        return self.inner.user_attrs.get(name)

    def done(self) -> int:
        """Return how many points were measured, whoever did."""
        trials = self.inner.get_trials(deepcopy=False)
        return sum("measure" in trial.user_attrs for trial in trials)

    @property
    def unfinished(self) -> int:
        """How many trials were begun, by whomever, and have not ended."""
        return len(self.inner.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    @property
    def open(self) -> int:
        """How many trials were asked for here and have not ended."""
        return len(self._begun)

    def ask(self) -> Ask | None:
        """Return the next trial; None when everything was tried, or the sampler has nothing new."""
        if self.space is None:
            raise SweepError("This study was opened to look at it.", "Join it.")
        for _ in range(_SAME):
            if self.fixed and not self.inner.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
                return None
            trial = self.inner.ask(self.space.distributions)
            trial.set_user_attr("worker", self.worker)
            if self.fixed and not trial.user_attrs.get("queued"):  # another machine was quicker
                self.inner.tell(trial, state=TrialState.FAIL)
                return None
            arm = self.space.arm(trial.params)
            trial.set_user_attr("arm", arm)
            known = self._known()
            if arm not in known:
                self._begun[trial.number] = trial
                return Ask(trial.number, arm)
            self.inner.tell(trial, list(known[arm].values))
            if self.space.size is not None and len(known) >= self.space.size:
                return None
        return None

    def tell(self, number: int, measure: Measure, objectives: Sequence[Objective]) -> list[str]:
        """Keep what a trial did; return the objectives that it has no figure of, without which it cannot be weighed."""
        trial = self._begun.pop(number)
        trial.set_user_attr("measure", measure.to_json())
        lacking = [one.name for one in objectives if one.name not in measure.objectives]
        if lacking:
            self.inner.tell(trial, state=TrialState.FAIL)
        else:
            self.inner.tell(trial, [measure.objectives[one.name].mean for one in objectives])
        return lacking

    def tried(self) -> list[Tried]:
        """Return every point that was measured, in order."""
        front = {trial.number for trial in self.inner.best_trials}
        return [
            Tried(
                trial.number,
                trial.user_attrs["arm"],
                trial.params,
                Measure.from_json(trial.user_attrs["measure"]),
                trial.number in front,
            )
            for trial in self._known().values()
        ]

    def _known(self) -> dict[str, FrozenTrial]:
        """The first trial of every arm that has figures."""
        found: dict[str, FrozenTrial] = {}
        for trial in self.inner.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            if "measure" in trial.user_attrs:
                found.setdefault(trial.user_attrs["arm"], trial)
        return found

    def _take_up(self) -> None:
        """Queue again what this worker had begun when it ended."""
        for trial in self.inner.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.user_attrs.get("worker") == self.worker:
                self.inner.tell(trial.number, state=TrialState.FAIL)
                if trial.params:
                    self.inner.enqueue_trial(dict(trial.params), user_attrs=_QUEUED)


def _brief(value: Any) -> str:
    """A value in an error; a list of hundreds of arms is not told to its end."""
    said = repr(value)
    return said if len(said) <= _BRIEF else f"{said[:_BRIEF]}…"


def _sampler(name: Sampler, seed: int) -> BaseSampler:
    if name == "tpe":
        return TPESampler(seed=seed, constant_liar=True)
    if name == "nsga2":
        return NSGAIISampler(seed=seed, population_size=POPULATION)
    return RandomSampler(seed=seed)
