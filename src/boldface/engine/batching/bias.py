"""The bias of every running request in every steered layer, laid out so that a decoding step writes one column.

A row's bias is that of :mod:`boldface.steering.plan`, computed when the request joins: gain x nats on its prompt,
max(0, gain) x lift behind it. Columns that its query does not see hold -inf, so the bias is the mask too. A step only
shows the column of the row's next token; where a window has moved, the row is written anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from boldface.attention.geometry import LayerGeometry
from boldface.engine.batching.slots import Step
from boldface.engine.batching.views import View, Views
from boldface.steering.plan import Plan


@dataclass
class Group:
    """Layers with equally many heads and one view.

    Attributes:
        layers: Their indices.
        view: What their queries see.
        table: (layers, slots, heads, capacity) bias; -inf where a query does not see.
        lifted: (layers, slots, heads) bias of a generated token.
    """

    layers: tuple[int, ...]
    view: View
    table: Tensor
    lifted: Tensor

    def write(self, slot: int, plan: Plan | None, position: int) -> None:
        """Write the bias of one row whose next token stands at ``position``; no plan is no bias."""
        first, lines = self.view.first(position), self.table[:, slot]
        lines.fill_(-torch.inf)
        lines[..., first : position + 1] = 0.0
        self.lifted[:, slot] = 0.0
        if plan is None:
            return
        gain = torch.zeros(self.lifted.shape[0], self.lifted.shape[2], device=self.table.device)
        for index, layer in enumerate(self.layers):
            if layer in plan.gains:
                gain[index] = plan.gains[layer][0]
        nats = plan.nats[0, first:]
        lines[..., first : plan.width] = gain[..., None] * nats
        if self.view.size is None or (nats > 0).any():  # behind a window the lift ends with the emphasis
            self.lifted[:, slot] = gain.clamp(min=0) * plan.lift
            lines[..., max(first, plan.width) : position + 1] = self.lifted[:, slot, :, None]

    def step(self, plans: Sequence[Plan | None], positions: Sequence[int], step: Step) -> None:
        """Show every row the column of its next token."""
        rows, (layers, slots, heads, capacity) = step.rows, self.table.shape
        line = torch.arange(layers * slots * heads, device=self.table.device).view(layers, slots, heads)[:, :rows]
        index = line * capacity + step.positions[None, :, None]
        self.table.view(-1).index_copy_(0, index.flatten(), self.lifted[:, :rows].flatten())
        if self.view.size is not None:
            for slot, (plan, position) in enumerate(zip(plans, positions, strict=True)):
                if self.view.first(position) > 0:
                    self.write(slot, plan, position)


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
        self._shown: tuple[tuple[int, int], dict[int, Tensor]] | None = None

    def lay_out(self, plans: Sequence[Plan | None], positions: Sequence[int], height: int, width: int) -> None:
        """Lay out anew, for exactly the layers that some row steers."""
        together: dict[tuple[int, str], list[int]] = {}
        for layer in sorted({layer for plan in plans if plan is not None for layer in plan.gains}):
            together.setdefault((self._layers[layer].heads, self._views.layers[layer]), []).append(layer)
        self._shown, self._groups = None, []
        for (heads, kind), layers in together.items():
            table = torch.empty(len(layers), height, heads, width, device=self._device)
            lifted = torch.zeros(len(layers), height, heads, device=self._device)
            self._groups.append(Group(tuple(layers), self._views.kinds[kind], table, lifted))
        for slot, (plan, position) in enumerate(zip(plans, positions, strict=True)):
            self.write(slot, plan, position)

    def has_room(self, plan: Plan | None) -> bool:
        """Whether a row with this plan can be written as things are laid out."""
        layers = {layer for group in self._groups for layer in group.layers}
        return plan is None or plan.gains.keys() <= layers

    def write(self, slot: int, plan: Plan | None, position: int) -> None:
        """Write the bias of one row, see :meth:`Group.write`."""
        for group in self._groups:
            group.write(slot, plan, position)

    def move(self, source: int, target: int) -> None:
        """Copy a row to another place."""
        for group in self._groups:
            group.table[:, target] = group.table[:, source]
            group.lifted[:, target] = group.lifted[:, source]

    def clear(self) -> None:
        """Steer nothing, and give the memory back."""
        self._groups, self._shown = [], None

    def step(self, plans: Sequence[Plan | None], positions: Sequence[int], step: Step) -> dict[int, Tensor]:
        """Return the bias of every steered layer for the next tokens: (rows, kv_heads, heads of each, columns)."""
        for group in self._groups:
            group.step(plans, positions, step)
        shown = step.rows, step.columns
        if self._shown is None or self._shown[0] != shown:
            lines = {
                layer: group.table[index, : step.rows, :, : step.columns].view(
                    step.rows, self._layers[layer].kv_heads, -1, step.columns
                )
                for group in self._groups
                for index, layer in enumerate(group.layers)
            }
            self._shown = shown, lines
        return self._shown[1]
