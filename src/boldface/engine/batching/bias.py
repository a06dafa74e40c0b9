"""The bias of every running request in every steered layer, laid out so that a decoding step writes one column.

A row's bias is that of :mod:`boldface.steering.plan`, computed when the request joins: gain x nats on its prompt,
max(0, gain) x lift behind it, all of it times the row's level. Columns that its query does not see hold -inf, so the
bias is the mask too. A step only shows the column of the row's next token; where a window has moved, or the row's level
has changed, the row is written anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from boldface.attention.apart import HIDDEN, Apart
from boldface.attention.geometry import LayerGeometry
from boldface.engine.batching.raised import Raised, is_apart
from boldface.engine.batching.slots import Step
from boldface.engine.batching.views import View, Views
from boldface.steering.plan import Plan
from boldface.steering.tally import Tally


class Seat(NamedTuple):
    """What the bias of a row is made of.

    Attributes:
        plan: How it is steered; None when it is not.
        position: Column of its next token.
        level: How far the query of that token is steered.
    """

    plan: Plan | None
    position: int
    level: float = 1.0


@dataclass
class Group:
    """Layers with equally many heads and one view.

    Attributes:
        layers: Their indices.
        view: What their queries see.
        table: (layers, slots, heads, capacity) bias; -inf where a query does not see.
        lifted: (layers, slots, heads) bias of a generated token.
        raised: The keys that rows with target shares and releases lift, which are hidden in ``table``; None without
            such a row.
    """

    layers: tuple[int, ...]
    view: View
    table: Tensor
    lifted: Tensor
    raised: Raised | None = None

    def write(self, slot: int, seat: Seat) -> None:
        """Write the bias of one row."""
        self._write(slot, seat)
        if self.raised is not None:
            self.raised.both[:, slot, :, 0] = self.table[:, slot]

    def _write(self, slot: int, seat: Seat) -> None:
        plan, position, level = seat
        first, lines = self.view.first(position), self.table[:, slot]
        lines.fill_(-torch.inf)
        lines[..., first : position + 1] = 0.0
        self.lifted[:, slot] = 0.0
        if self.raised is not None:
            self.raised.clear(slot)
        if plan is None:
            return
        gain = torch.zeros(self.lifted.shape[0], self.lifted.shape[2], device=self.table.device)
        for index, layer in enumerate(self.layers):
            if layer in plan.gains:
                gain[index] = plan.gains[layer][0]
        nats = plan.nats[0, first:]
        lines[..., first : plan.width] = gain[..., None] * level * nats
        sees = self.view.size is None or (nats > 0).any()  # behind a window the lift ends with the emphasis
        if sees:
            self.lifted[:, slot] = gain.clamp(min=0) * level * plan.lift
            lines[..., max(first, plan.width) : position + 1] = self.lifted[:, slot, :, None]
        if self.raised is not None and is_apart(plan):
            for index, layer in enumerate(self.layers):
                if plan.target is None and layer not in plan.measured:
                    gain[index] = 0.0  # its lift is none of those that have to be told apart
            lifts = self.raised.write(slot, plan, slice(first, position + 1), level, gain, plan.lift if sees else 0.0)
            for index, layer in enumerate(self.layers):
                self.raised.told[index, slot] = float(layer in plan.measured)
            lines.masked_fill_(lifts, HIDDEN)
            self.lifted[:, slot] = torch.where(self.raised.own[:, slot] > 0, HIDDEN, self.lifted[:, slot])

    def step(self, seats: Sequence[Seat], step: Step) -> None:
        """Show every row the column of its next token."""
        rows, (layers, slots, heads, capacity) = step.rows, self.table.shape
        line = torch.arange(layers * slots * heads, device=self.table.device).view(layers, slots, heads)[:, :rows]
        index = line * capacity + step.positions[None, :, None]
        self.table.view(-1).index_copy_(0, index.flatten(), self.lifted[:, :rows].flatten())
        if self.raised is not None:
            self.raised.step(line, step.positions, self.lifted[:, :rows])
        if self.view.size is not None:
            for slot, seat in enumerate(seats):
                if self.view.first(seat.position) > 0:
                    self.write(slot, seat)


class Biases:
    """The biases of the running rows.

    Args:
        layers: Every layer that can be steered.
        views: What the queries of every layer see.
        device: Where they lie.
    """

    def __init__(self, layers: Mapping[int, LayerGeometry], views: Views, device: torch.device) -> None:
        self._layers, self._views, self._device = layers, views, device
        self._groups: list[Group] = []
        self._levels: dict[int, float] = {}
        self._shown: tuple[tuple[int, int], dict[int, Tensor]] | None = None
        self._apart: tuple[tuple[int, int], dict[int, Apart]] | None = None
        self.tally = Tally()

    def lay_out(self, seats: Sequence[Seat], height: int, width: int) -> None:
        """Lay out anew, for exactly the layers that some row steers."""
        together: dict[tuple[int, str], list[int]] = {}
        for layer in sorted({layer for seat in seats if seat.plan is not None for layer in seat.plan.gains}):
            together.setdefault((self._layers[layer].heads, self._views.layers[layer]), []).append(layer)
        self._shown, self._apart, self._groups = None, None, []
        apart = any(is_apart(seat.plan) for seat in seats)
        for (heads, kind), layers in together.items():
            table = torch.empty(len(layers), height, heads, width, device=self._device)
            lifted = torch.zeros(len(layers), height, heads, device=self._device)
            raised = Raised.like(table) if apart else None
            self._groups.append(Group(tuple(layers), self._views.kinds[kind], table, lifted, raised))
        for slot, seat in enumerate(seats):
            self.write(slot, seat)

    def has_room(self, plan: Plan | None) -> bool:
        """Whether a row with this plan can be written as things are laid out."""
        layers = {layer for group in self._groups for layer in group.layers}
        if is_apart(plan) and any(group.raised is None for group in self._groups):
            return False
        return plan is None or plan.gains.keys() <= layers

    def write(self, slot: int, seat: Seat) -> None:
        """Write the bias of one row, see :meth:`Group.write`."""
        self._levels[slot], self._apart = seat.level, None
        for group in self._groups:
            group.write(slot, seat)

    def move(self, source: int, target: int) -> None:
        """Copy a row to another place."""
        self._levels[target] = self._levels[source]
        for group in self._groups:
            group.table[:, target] = group.table[:, source]
            group.lifted[:, target] = group.lifted[:, source]
            if group.raised is not None:
                group.raised.move(source, target)
        self._apart = None

    def clear(self) -> None:
        """Steer nothing, and give the memory back."""
        self._groups, self._shown, self._apart = [], None, None
        self.tally.means()  # of a step that failed, if it did

    def join_up(self) -> None:
        """Have no row's lifted keys apart any more: the last row with such keys has left."""
        self._apart = None
        for group in self._groups:
            group.raised = None

    def apart(self, step: Step) -> dict[int, Apart]:
        """Return the bias of every layer in which some row has its lifted keys apart; after :meth:`step`."""
        shown = step.rows, step.columns
        if self._apart is None or self._apart[0] != shown:
            lines = {
                layer: group.raised.of(index, step, partial(self._shaped, layer), self.tally)
                for group in self._groups
                if group.raised is not None
                for index, layer in enumerate(group.layers)
                if bool((group.raised.most[index, : step.rows] > 0).any())
            }
            self._apart = shown, lines
        return self._apart[1]

    def _shaped(self, layer: int, lines: Tensor) -> Tensor:
        """Lay (rows, heads, columns) out as (rows, kv_heads, heads of each, columns)."""
        return lines.view(lines.shape[0], self._layers[layer].kv_heads, -1, lines.shape[-1])

    def step(self, seats: Sequence[Seat], step: Step) -> dict[int, Tensor]:
        """Return the bias of every steered layer for the next tokens: (rows, kv_heads, heads of each, columns)."""
        for slot, seat in enumerate(seats):
            if seat.level != self._levels[slot]:
                self.write(slot, seat)
        for group in self._groups:
            group.step(seats, step)
        shown = step.rows, step.columns
        if self._shown is None or self._shown[0] != shown:
            lines = {
                layer: self._shaped(layer, group.table[index, : step.rows, :, : step.columns])
                for group in self._groups
                for index, layer in enumerate(group.layers)
            }
            self._shown = shown, lines
        return self._shown[1]
