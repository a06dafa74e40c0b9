"""What profile is wanted: a method, a strategy, what to learn from, and what to choose among."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, get_args

from boldface.emphasis.strength import MAX_STRENGTH
from boldface.errors import ProfilingError
from boldface.evaluation.writing import SETTINGS
from boldface.evaluation.writing import Setting as Template
from boldface.profiling.choosing import MOST_DIVERGENCE
from boldface.profiling.learned import RAISING, Learning
from boldface.profiling.material import CONTRAST, named, task_of
from boldface.profiling.racing import Race
from boldface.profiling.strategies import Strategy
from boldface.tasks.catalogue import PAPER

Method = Literal["learned", "gradient", "coarse", "exhaustive"]
METHODS: tuple[Method, ...] = get_args(Method)
RANKED: tuple[Strategy, ...] = get_args(Strategy)
DEFAULT_TASKS = (*PAPER, "which-wins", "neutral")
MULTI = "multi-task"
"""The strategy of learned gains unless told otherwise: all tasks at once."""


@dataclass(frozen=True)
class Order:
    """What is wanted.

    Attributes:
        name: Of the profile.
        method: How heads are found.
        strategy: For learned gains ``multi-task``, ``task-specific`` or ``task-agnostic``; for rankings one of
            :data:`boldface.profiling.strategies.Strategy`.
        target: For ``task-specific`` the task, for ``task-agnostic`` the one that stays unseen.
        tasks: Names of tasks; one that is written ``json@chat`` is asked in that setting alone.
        settings: With or without the chat template.
        variants: Wordings of the prompts.
        rows: Data rows of every task, setting, wording and span to learn from.
        looked: Those of the validation split that say when to stop learning.
        judged: Those of the validation split that settings are chosen on.
        longest: Most tokens of a lesson to learn from.
        contrast: Share of a task's weight for another span emphasised.
        learning: How gains are learned.
        race: How heads are ranked, for ``exhaustive`` and ``coarse``; its strength and batch for ``gradient`` too.
        keep: Part of the layers that ``coarse`` looks into.
        least: Learned gains smaller than this are dropped; every value is tried.
        shares: Sizes of a task's best part that are tried, as parts of all heads; None is the strategy's own grid.
        times: Multiples of the strength that are tried.
        most_divergence: Nats a token by which emphasis that should change nothing may move the model.
        seed: Of everything that is drawn.
    """

    name: str
    method: Method = "learned"
    strategy: str = MULTI
    target: str | None = None
    tasks: tuple[str, ...] = DEFAULT_TASKS
    settings: tuple[Template, ...] = ("raw",)
    variants: tuple[str, ...] = ("original",)
    rows: int = 96
    looked: int = 8
    judged: int = 16
    longest: int = 192
    contrast: float = CONTRAST
    learning: Learning = field(default_factory=Learning)
    race: Race = field(default_factory=Race)
    keep: float = 0.5
    least: tuple[float, ...] = (0.15,)
    shares: tuple[float, ...] | None = None
    times: tuple[float, ...] = (0.75, 1.0)
    most_divergence: float = MOST_DIVERGENCE
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ProfilingError(f"There is no method {self.method!r}.", f"Choose among {', '.join(METHODS)}.")
        known = (MULTI, "task-specific", "task-agnostic") if self.method == "learned" else RANKED
        if self.strategy not in known:
            raise ProfilingError(
                f"The method {self.method!r} has no strategy {self.strategy!r}.", f"Choose among {', '.join(known)}."
            )
        for name in self.tasks:
            task_of(name)
        aimed = self.strategy in ("task-specific", "task-agnostic")
        names = list(dict.fromkeys(named(task)[0] for task in self.tasks))
        if aimed and self.target not in names:
            raise ProfilingError(
                f"The strategy {self.strategy!r} needs one of the tasks as its target.",
                f"Name one of {', '.join(names)}.",
            )
        if not aimed and self.target is not None:
            raise ProfilingError(
                f"The strategy {self.strategy!r} has no target.",
                "Leave it out, or choose task-specific or task-agnostic.",
            )
        if not any(map(_asks, self.learned_from)):
            told = f": {' and '.join(self.learned_from)} asks for nothing" if self.learned_from else ""
            raise ProfilingError(f"There is no task to learn from{told}.", "Name more tasks.")
        asked = Counter(
            (name, one) for name, only in map(named, self.tasks) for one in (self.settings if only is None else (only,))
        )
        if twice := [" ".join(both) for both, times in asked.items() if times > 1]:
            raise ProfilingError(f"{twice[0]} is named twice.", "Name a task once, or once in each setting.")
        _check_named("setting", self.settings, SETTINGS)
        _check_named("wording", self.variants, {word: None for name in self.tasks for word in task_of(name).variants})
        self._check_numbers()

    def _check_numbers(self) -> None:
        for name in ("rows", "looked", "judged", "longest"):
            if getattr(self, name) < 1:
                raise ProfilingError(f"{name} is {getattr(self, name)}.", "Give at least 1.")
        if not 0 <= self.contrast < 1:
            raise ProfilingError(f"contrast is {self.contrast}.", "Give a share from 0 to below 1.")
        if not 0 < self.keep <= 1:
            raise ProfilingError(f"keep is {self.keep}.", "Give a part of the layers, above 0 and at most 1.")
        if not self.most_divergence >= 0:
            raise ProfilingError(f"most_divergence is {self.most_divergence}.", "Give 0 or more nats a token.")
        if not self.least or not all(0 <= one < math.inf for one in self.least):
            raise ProfilingError(f"least is {self.least}.", "Give one smallest gain or more, each 0 or above.")
        if self.shares is not None and (not self.shares or not all(0 < one <= 1 for one in self.shares)):
            raise ProfilingError(f"shares is {self.shares}.", "Give parts of all heads, each above 0 and at most 1.")
        if not self.times or not all(0 < one < math.inf for one in self.times):
            raise ProfilingError(f"times is {self.times}.", "Give one multiple of the strength or more, each above 0.")
        learns = self.method == "learned"
        strength, gain = (self.learning.strength, self.learning.largest) if learns else (self.race.strength, 1.0)
        if not strength > 0:
            raise ProfilingError(f"strength is {strength:g}.", RAISING)
        if (reach := gain * strength * max(self.times)) > MAX_STRENGTH:
            raise ProfilingError(
                f"Gain x strength may reach {reach:.1f} nats; the cap is {MAX_STRENGTH:g}.",
                "Lower the strength, its largest multiple, or the largest gain.",
            )

    @property
    def learned_from(self) -> tuple[str, ...]:
        """The tasks that may be seen: those that only say where nothing should change belong to every strategy."""
        if self.strategy == "task-agnostic":
            return tuple(task for task in self.tasks if named(task)[0] != self.target)
        if self.strategy == "task-specific":
            return tuple(task for task in self.tasks if named(task)[0] == self.target or not _asks(task))
        return self.tasks


def _asks(task: str) -> bool:
    """Tell whether answers to a task can be right: the others only say where nothing should change."""
    return task_of(task).chosen_by.unit == "share"


def _check_named(what: str, named: Collection[str], known: Collection[str]) -> None:
    if not named or (wrong := [one for one in named if one not in known]):
        raise ProfilingError(
            f"There is no {what} {wrong[0]!r}." if named else f"No {what} is named.",
            f"Choose among {', '.join(known)}.",
        )
