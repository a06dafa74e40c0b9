"""The running batch: one row a request, one token a step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from boldface.attention.geometry import geometry, transformer
from boldface.engine.batching.answer import Answer
from boldface.engine.batching.bias import Biases
from boldface.engine.batching.joining import Joining
from boldface.engine.batching.layer import Turn
from boldface.engine.batching.slots import Slots, Step
from boldface.engine.batching.views import Views
from boldface.steering.plan import Plan


@dataclass(eq=False)
class Row:
    """A request in the batch.

    Attributes:
        answer: Its answer.
        plan: How it is steered; None when it is not.
        position: Column of its next token.
        token: That token, which the model has not read yet.
    """

    answer: Answer
    plan: Plan | None
    position: int
    token: int


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
        row = Row(joining.answer, joining.plan, len(joining.ids), token)
        slot = len(self.rows)
        self.rows.append(row)
        moved = self._slots.fit(slot + 1, self._columns(), slot)
        self._slots.join(slot, joining.cache)
        if moved or not self._biases.has_room(row.plan):
            self._lay_out()
        else:
            self._biases.write(slot, row.plan, row.position)

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

    def clear(self) -> None:
        """Let everybody out, whatever state the tables are in."""
        self.rows.clear()
        self._turn.biases = {}
        self._biases.clear()
        self._slots.clear()

    def step(self) -> Tensor:
        """Read every row's next token and return the logits of the one after it: (rows, vocabulary)."""
        positions = [row.position for row in self.rows]
        if self._slots.fit(len(positions), self._columns(), len(positions)):
            self._lay_out()
        self._step.at(positions, self._device)
        masks = self._views.masks(self._step.positions, self._step.columns, self._dtype)
        self._turn.masks = frozenset(map(id, masks.values()))
        self._turn.biases = self._biases.step([row.plan for row in self.rows], positions, self._step)
        output = self._model(
            torch.tensor([[row.token] for row in self.rows], device=self._device),
            attention_mask=masks if len(masks) > 1 else next(iter(masks.values())),
            position_ids=self._step.positions[:, None],
            past_key_values=self._slots,
            use_cache=True,
        )
        for row in self.rows:
            row.position += 1
        logits: Tensor = output.logits[:, -1]
        return logits

    def _columns(self) -> int:
        """Columns that the rows need for their next tokens."""
        return max(row.position for row in self.rows) + 1

    def _lay_out(self) -> None:
        plans, positions = [row.plan for row in self.rows], [row.position for row in self.rows]
        self._biases.lay_out(plans, positions, self._slots.height, self._slots.width)
