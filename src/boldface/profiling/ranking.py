"""Rankings: the effect of every head on a task, best first; and what a method that makes them offers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np

from boldface.errors import ProfilingError
from boldface.metrics.statistics import spearman
from boldface.profiles.heads import Head, HeadGains
from boldface.profiling.laboratory import Laboratory
from boldface.profiling.lesson import Lesson

Ended = Literal["rows", "settled", "budget"]

SHARES = (0.3, 0.4, 0.5)
"""Sizes of a task's best part among all heads: the paper's 300, 400 and 500 of the 1 024 of LLaMA-7B."""
_SHUFFLES = 200
_SEED = 0


class Effect(NamedTuple):
    """How much better a task goes with a head steered alone.

    Attributes:
        mean: Over data rows, steered − plain, in the unit of the score (nats a token for likelihoods).
        stderr: Its standard error; infinite for one row.
        rows: Data rows.
    """

    mean: float
    stderr: float
    rows: int


@dataclass(frozen=True)
class Ranking:
    """The heads of a model by their effect on one task.

    Attributes:
        task: Name of the task.
        method: Name of the method.
        effects: Effect of every head that was measured; a method may leave heads out.
        given: Data rows that there were to measure on.
        ended: Why it ended there: all ``rows`` were read; the best were ``settled`` before that; or the ``budget``.
    """

    task: str
    method: str
    effects: Mapping[Head, Effect]
    given: int
    ended: Ended = "rows"

    @cached_property
    def order(self) -> tuple[Head, ...]:
        """Heads, best first; ties go to the earlier head."""
        return tuple(sorted(self.effects, key=lambda head: (-self.effects[head].mean, head)))

    @property
    def rows(self) -> int:
        """Data rows that were read; a head whose place was settled early saw fewer."""
        return max(effect.rows for effect in self.effects.values())

    def top(self, k: int) -> HeadGains:
        """Return the k best heads with gain 1, whatever the sign of their effect (as the paper does).

        Raises:
            ProfilingError: k is below 1, or so many heads were not ranked.
        """
        if not 1 <= k <= len(self.effects):
            raise ProfilingError(
                f"There are no {k} best of the {len(self.effects)} heads that {self.method} ranked on {self.task!r}.",
                f"Choose k from 1 to {len(self.effects)}.",
            )
        return HeadGains(self.order[:k])

    def agreement(self, other: Ranking) -> float | None:
        """Return Spearman's rank correlation over the heads that both have; None where one of them is all ties."""
        common = sorted(self.effects.keys() & other.effects.keys())
        return spearman(*([ranking.effects[head].mean for head in common] for ranking in (self, other)))

    def placebo(self, k: int) -> float:
        """Return what the k best would seem to do, on average, if no head did more than another.

        Picking the largest of noisy figures makes them large. Every head is given the mean effect of all and an error
        of its own size (normal, drawn 200 times), and the k best of those are picked. The mean effect of :meth:`top`
        that does not exceed this is luck.

        Raises:
            ProfilingError: As :meth:`top`, or a head was measured on one row only, so that no error is known.
        """
        self.top(k)
        errors = np.array([effect.stderr for effect in self.effects.values()])
        if not np.isfinite(errors).all():
            raise ProfilingError(
                f"A head was measured on one row of {self.task!r}: nobody knows how sure it is.", "Use more rows."
            )
        mean = math.fsum(effect.mean for effect in self.effects.values()) / len(errors)
        drawn = np.random.default_rng(_SEED).normal(mean, errors, (_SHUFFLES, len(errors)))
        return float(np.sort(drawn)[:, -k:].mean())

    def to_line(self) -> dict[str, Any]:
        """Return it as JSON values: ``heads`` maps ``L0H1`` to mean, standard error (null for one row) and rows."""
        heads = {
            str(head): [effect.mean, effect.stderr if math.isfinite(effect.stderr) else None, effect.rows]
            for head, effect in ((head, self.effects[head]) for head in self.order)
        }
        told = {"task": self.task, "method": self.method, "given": self.given, "ended": self.ended}
        return {"kind": "ranking", **told, "heads": heads}

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> Ranking:
        """Read what :meth:`to_line` wrote."""
        effects = {}
        for name, (mean, stderr, rows) in line["heads"].items():
            (head,) = HeadGains.parse(name)
            effects[head] = Effect(mean, math.inf if stderr is None else stderr, rows)
        return cls(line["task"], line["method"], effects, line["given"], line["ended"])


class Method(Protocol):
    """A way to rank heads. Its fields are its settings.

    Attributes:
        name: As people type it.
    """

    name: ClassVar[str]

    def rank(
        self, lab: Laboratory, lessons: Mapping[str, Sequence[Lesson]], heads: Sequence[tuple[int, int]]
    ) -> dict[str, Ranking]:
        """Return one ranking a task.

        A budget that ends early leaves a ranking of the rows that all heads were measured on; see ``ended``.

        Args:
            lab: Where trials are run.
            lessons: Task to its lessons, in their order.
            heads: Every head that can be steered, by layer and head.

        Raises:
            ProfilingError: Nothing to rank or to rank on, or a budget too small to measure every head once.
            BoldfaceError: A trial cannot be carried out on this model.
        """


def count(share: float, heads: int) -> int:
    """Return a share of the heads as a number of them, at least one."""
    return max(1, round(share * heads))


def given(lessons: Sequence[Lesson]) -> int:
    """Return the number of data rows of lessons."""
    return len({lesson.example.group for lesson in lessons})
