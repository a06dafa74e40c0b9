"""The running batch: one row a request, one token a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from boldface.attention.geometry import geometry, transformer
from boldface.engine.batching.answer import Answer
from boldface.engine.batching.bias import Biases, Seat
from boldface.engine.batching.joining import Joining
from boldface.engine.batching.layer import Turn
from boldface.engine.batching.raised import is_apart
from boldface.engine.batching.slots import Slots, Step
from boldface.engine.batching.views import Views
from boldface.steering.levels import Level
from boldface.steering.plan import Plan
from boldface.steering.release import Released


@dataclass(eq=False)
class Row:
    """A request in the batch.

    Attributes:
        answer: Its answer.
        plan: How it is steered; None when it is not.
        position: Column of its next token.
        token: That token, which the model has not read yet.
        level: How far the query of that token is steered.
        follow: Follows the phases of its answer; None where it has none.
        twin: Of a gated request: the row in which the plain model reads the same tokens.
        released: Whether its emphasis is obeyed already; None where nobody asks.
        mass: What its emphasis has of the attention of the token that was read last, before anything is lifted.
    """

    answer: Answer
    plan: Plan | None
    position: int
    token: int
    level: Level = field(default_factory=Level)
    follow: Callable[[int], float] | None = None
    twin: Row | None = None
    released: Released | None = None
    mass: float | None = None

    @property
    def seat(self) -> Seat:
        """What its bias is made of."""
        return Seat(self.plan, self.position, 1.0 if self.plan is None else self.level.now)

    def advance(self, token: int) -> None:
        """Go on to the token that was chosen behind its own, which has been read for good."""
        self.position += 1
        self.token = token
        self.level.gate = 1.0
        if self.follow is not None:
            self.level.phase = self.follow(token)
        if self.released is not None and self.mass is not None:
            self.level.release = self.released.take(self.mass)
        if self.twin is not None:
            self.twin.advance(token)


class Batch:
    """The requests that run, and their keys and values.

    Args:
        model: The model, with a seam in every layer that can be steered.
        views: What the queries of every layer see.
        turn: Whose turn it is.
        slots: Most rows.

    Attributes:
        rows: The requests that run.
    """

    def __init__(self, model: nn.Module, views: Views, turn: Turn, slots: int) -> None:
        embeddings = transformer(model).get_input_embeddings().weight
        self._model, self._views, self._turn = model, views, turn
        self._device, self._dtype = embeddings.device, embeddings.dtype
        self._step = Step()
        self._slots = Slots(geometry(model).depth, self._step, slots)
        self._biases = Biases(geometry(model).layers, views, self._device)
        self.rows: list[Row] = []

    def join(self, joining: Joining, token: int) -> None:
        """Let a request in whose prompt was read, and whose first token is ``token``."""
        twin = None if joining.twin is None else self._join(joining.twin, token)
        row = self._join(joining, token)
        row.twin = twin

    def _join(self, joining: Joining, token: int) -> Row:
        row = Row(joining.answer, joining.plan, len(joining.ids), token, joining.level, joining.follow)
        if row.follow is not None:
            row.level.phase = row.follow(token)
        release = joining.answer.request.steering.release
        if release is not None and row.plan is not None and row.plan.measured:
            row.released = Released(release)
        slot = len(self.rows)
        self.rows.append(row)
        moved = self._slots.fit(slot + 1, self._columns(), slot)
        self._slots.join(slot, joining.cache)
        if moved or not self._biases.has_room(row.plan):
            self._lay_out()
        else:
            self._biases.write(slot, row.seat)
        return row

    def leave(self, gone: list[Row]) -> None:
        """Let requests out; the last ones take their places."""
        for row in gone:
            slot, last = self.rows.index(row), len(self.rows) - 1
            if slot != last:
                self.rows[slot] = self.rows[last]
                self._slots.move(last, slot, self.rows[slot].position)
                self._biases.move(last, slot)
            del self.rows[last]
        if gone and not self.rows:
            self.clear()
        elif gone and all(row.plan is None for row in self.rows):
            self._biases.clear()
        elif gone and not any(is_apart(row.plan) for row in self.rows):
            self._biases.join_up()

    def clear(self) -> None:
        """Let everybody out, whatever state the tables are in."""
        self.rows.clear()
        self._turn.biases, self._turn.apart = {}, {}
        self._biases.clear()
        self._slots.clear()

    def step(self) -> Tensor:
        """Read every row's token and return the logits of the one after it: (rows, vocabulary).

        A row that does not :meth:`Row.advance` reads the same token again in the next step, in place of this one.
        """
        positions = [row.position for row in self.rows]
        if self._slots.fit(len(positions), self._columns(), len(positions)):
            self._lay_out()
        self._step.at(positions, self._device)
        masks = self._views.masks(self._step.positions, self._step.columns, self._dtype)
        self._turn.masks = frozenset(map(id, masks.values()))
        self._turn.biases = self._biases.step([row.seat for row in self.rows], self._step)
        self._turn.apart = self._biases.apart(self._step)
        output = self._model(
            torch.tensor([[row.token] for row in self.rows], device=self._device),
            attention_mask=masks if len(masks) > 1 else next(iter(masks.values())),
            position_ids=self._step.positions[:, None],
            past_key_values=self._slots,
            use_cache=True,
        )
        for row, mass in zip(self.rows, self._biases.tally.means(), strict=False):
            row.mass = mass
        logits: Tensor = output.logits[:, -1]
        return logits

    def _columns(self) -> int:
        """Columns that the rows need for their next tokens."""
        return max(row.position for row in self.rows) + 1

    def _lay_out(self) -> None:
        self._biases.lay_out([row.seat for row in self.rows], self._slots.height, self._slots.width)
