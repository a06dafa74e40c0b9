"""Levels: how far a query is steered, from 0 to 1, from one token to the next.

A level multiplies the whole bias of a query, whatever its rule makes of it::

    bias[b, h, q, k] = level[b, q] * (what :mod:`boldface.steering.plan` says)

The strength stays the cap, and a level only takes away from it. A level is the product of three: of the *phase* that
the answer is in, of the *release* of whoever obeys already, and of the *gate* that finds a token implausible.

The border between reading and answering is that of scope ``answer``: the query of the last prompt token decides the
first token of the answer. Queries before it have one constant level: keys and values of the prompt depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from boldface.steering.release import Release, Released
from boldface.steering.tally import Tally


@dataclass
class Level:
    """How far the next query of one row is steered: the product of its parts."""

    phase: float = 1.0
    release: float = 1.0
    gate: float = 1.0

    @property
    def now(self) -> float:
        """The level."""
        return self.phase * self.release * self.gate


Follow = Callable[[int], float]
"""Is given the tokens of an answer one after the other, and returns the level of the query that reads the last one."""


class Levels:
    """The levels of a batch that is generated together, and of the forward that runs.

    Args:
        reading: Level of every row while its prompt is read, its last token excepted.
        follow: What follows the phases of every row; none is wholly, always.
        release: When every row is released; none is never.

    Attributes:
        rows: Levels of the next queries; whoever changes them does so between two forwards.
        tally: Takes the masses that releases need; None where there is none.
        current: Levels of the queries of this forward, (batch, 1) where all of a row have one, else (batch, queries);
            None where all are 1.
        is_off: True while the model runs plain.
    """

    def __init__(
        self, reading: Sequence[float], follow: Sequence[Follow] = (), release: Sequence[Release | None] = ()
    ) -> None:
        self.rows = [Level() for _ in reading]
        self.current: Tensor | None = None
        self.is_off = False
        self._reading, self._follow = tuple(reading), tuple(follow)
        self._followed = 0
        self._released = [None if one is None else Released(one) for one in release]
        self.tally = Tally() if any(self._released) else None
        self._masses: list[float] = []

    def enter(self, ids: Tensor, start: int, width: int) -> None:
        """Lay out the levels of a forward; a token that is read again, by another try, is followed once.

        Args:
            ids: (batch, queries) what it reads.
            start: Column of its first query.
            width: Columns of the prompts.
        """
        queries = ids.shape[1]
        self._masses = [] if self.tally is None else self.tally.means()
        read = min(max(width - 1 - start, 0), queries)
        written = [self._of(start + query, ids[:, query], width) for query in range(read, queries)]
        columns = [list(self._reading)] * (read > 0) + written
        if all(column == columns[0] for column in columns):
            columns, read = columns[:1], 1
        if all(level == 1 for column in columns for level in column):
            self.current = None
        else:
            columns = columns[:1] * max(read, 1) + columns[1:]
            self.current = torch.tensor(columns, device=ids.device).T

    def _of(self, column: int, tokens: Tensor, width: int) -> list[float]:
        """Return the level of every row's query in a column, having followed the tokens that it reads."""
        if column >= max(width, self._followed):
            self._followed = column + 1
            for row, follow, token in zip(self.rows, self._follow, tokens.tolist(), strict=False):
                row.phase = follow(token)
            for row, released, mass in zip(self.rows, self._released, self._masses, strict=False):
                if released is not None and column > width:  # the query before was one of the answer
                    row.release = released.take(mass)
        return [row.now for row in self.rows]
