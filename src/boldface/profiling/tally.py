"""Scores as they come in, batch by batch, and the effects that they amount to: over data rows, never single lessons."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from boldface.profiling.ranking import Effect
from boldface.tasks.task import Metric

Values = NDArray[np.float64]
Key = TypeVar("Key", bound=Hashable)

_FILL = {"mean": 0.0, "all": np.inf, "any": -np.inf}
_JOIN = {"mean": np.add, "all": np.minimum, "any": np.maximum}


class Tally(Generic[Key]):
    """The scores of some candidates on one task.

    Args:
        keys: The candidates.
        metric: What the scores are: how those of a data row are joined, and which way is better.
    """

    def __init__(self, keys: Iterable[Key], metric: Metric) -> None:
        self.keys, self.metric = tuple(keys), metric
        self._groups: list[str] = []
        self._plain: list[Values] = []
        self._steered: list[Values] = []

    def add(self, groups: Sequence[str], plain: Values, steered: Values) -> None:
        """Take in a batch of lessons.

        Args:
            groups: The data row of every lesson.
            plain: (lessons,) scores without steering; nan where there is none.
            steered: (keys, lessons) scores of the candidates; nan where one was not measured.
        """
        self._groups += groups
        self._plain.append(plain)
        self._steered.append(steered)

    def effects(self) -> dict[Key, Effect]:
        """Return the effect of every candidate, better being larger; those without a score of any row are left out."""
        steered = np.concatenate(self._steered, axis=1)
        there = ~np.isnan(steered) & ~np.isnan(np.concatenate(self._plain))
        plain = np.broadcast_to(np.concatenate(self._plain), steered.shape)
        _, which = np.unique(self._groups, return_inverse=True)
        order = np.argsort(which, kind="stable")
        starts = np.flatnonzero(np.diff(which[order], prepend=-1))
        seen = np.add.reduceat(there[:, order], starts, axis=1, dtype=np.int64)
        gained = self._joined(steered, there, order, starts, seen) - self._joined(plain, there, order, starts, seen)
        found = {}
        for key, row, known in zip(self.keys, gained, seen > 0, strict=True):
            values = row[known] * (-1 if self.metric.better == "lower" else 1)
            if rows := len(values):
                stderr = float(values.std(ddof=1)) / np.sqrt(rows) if rows > 1 else np.inf
                found[key] = Effect(float(values.mean()), float(stderr), rows)
        return found

    def _joined(
        self,
        scores: Values,
        there: NDArray[np.bool_],
        order: NDArray[np.int64],
        starts: NDArray[np.int64],
        seen: Values,
    ) -> Values:
        """Return (keys, data rows) scores; anything where a row has none."""
        within = self.metric.within
        filled = np.where(there, scores, _FILL[within])[:, order]
        joined: Values = _JOIN[within].reduceat(filled, starts, axis=1)
        return joined / np.maximum(seen, 1) if within == "mean" else np.where(seen > 0, joined, 0.0)
