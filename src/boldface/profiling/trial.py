"""A trial: some lessons under one setting of gains and strength; and its reading, what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from boldface.profiles.heads import HeadGains
from boldface.profiling.lesson import Lesson
from boldface.records.store import key_of
from boldface.steering.plan import Scope
from boldface.steering.rules import Rule

Measure = Literal["likelihood", "gradient", "answers"]

LIKELIHOOD = "likelihood"
"""Name of the score of lessons: higher is better."""


@dataclass(frozen=True)
class Trial:
    """What is to be measured. Plain data: it travels to other processes.

    Attributes:
        lessons: Of one task and setting.
        gains: Gains of the heads; empty is the plain model (and for a gradient the point 0).
        strength: Of the emphasis, in nats.
        measure: ``likelihood`` of the targets; that and its ``gradient`` to every gain; or ``answers``, written or
            chosen, scored by the task's metrics.
        scope: Which queries are steered.
        rule: Whether generated tokens are lifted with the emphasis (``pasta``) or not (``flat``).
    """

    lessons: tuple[Lesson, ...]
    gains: HeadGains
    strength: float
    measure: Measure = "likelihood"
    scope: Scope = "all"
    rule: Rule = "pasta"

    @cached_property
    def key(self) -> str:
        """A digest of all that the reading depends on, the model apart."""
        lessons = [lesson.digest for lesson in self.lessons]
        how = {"strength": float(self.strength), "measure": self.measure, "scope": self.scope, "rule": self.rule}
        return key_of(lessons=lessons, gains=self.gains.to_layers(), **how)

    @property
    def says(self) -> str:
        """What it is, in words."""
        return f"{self.measure} of {len(self.lessons)} lessons of {self.lessons[0].task}"


@dataclass(frozen=True)
class Reading:
    """What a trial gave.

    Attributes:
        key: Of the trial.
        scores: Name to the score of every lesson, None where there is none. For likelihood and gradient trials one,
            ``likelihood``, in nats a token: mean log-probability of the target, and for calm lessons
            −KL(plain ‖ steered). For answers the task's metrics.
        gradient: (lessons, heads) d score / d gain at the trial's gains, heads in the order of layer and head; empty
            for other measures.
        passes: Tokens that went through the model, a backward pass counted twice.
        seconds: Time.
    """

    key: str
    scores: Mapping[str, tuple[float | None, ...]]
    gradient: tuple[tuple[float, ...], ...] = ()
    passes: int = 0
    seconds: float = 0.0

    @property
    def likelihood(self) -> tuple[float, ...]:
        """The scores of a likelihood or gradient trial."""
        return tuple(score for score in self.scores[LIKELIHOOD] if score is not None)

    def to_line(self, trial: Trial) -> dict[str, Any]:
        """Return it as JSON values, with what a person wants to know of the trial."""
        told = {"task": trial.lessons[0].task, "measure": trial.measure, "heads": len(trial.gains)}
        return {"kind": "trial", **told, **asdict(self)}

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> Reading:
        """Read what :meth:`to_line` wrote."""
        return cls(
            line["key"],
            {name: tuple(scores) for name, scores in line["scores"].items()},
            tuple(tuple(row) for row in line["gradient"]),
            line["passes"],
            line["seconds"],
        )
