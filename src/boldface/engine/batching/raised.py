"""What target shares and releases need of a batch: the keys that a row lifts, apart from the rest of its bias.

In the table of a group the lifted keys of such rows are hidden, and here they are shown; two kernel calls then say how
much attention they have (:mod:`boldface.attention.apart`). Rows that have neither hide everything here, so their bias
and their answers stay what they are without these tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from boldface.attention.apart import HIDDEN, NEVER, Apart, goes_together
from boldface.engine.batching.slots import Step
from boldface.steering.plan import Plan
from boldface.steering.tally import Tally

Shape = Callable[[Tensor], Tensor]


def is_apart(plan: Plan | None) -> bool:
    """Whether a row with this plan has its lifted keys apart."""
    return plan is not None and (plan.target is not None or bool(plan.measured))


@dataclass
class Raised:
    """The lifted keys of a group of layers.

    Attributes:
        both: (layers, slots, heads, 2, capacity) the group's table, and 0 at lifted keys, :data:`HIDDEN` elsewhere.
        emphasised: (layers, slots, heads, capacity) the latter without generated keys.
        nats: (layers, slots, heads, capacity) how far every key is lifted at most.
        own: (layers, slots, heads) how far a generated key is.
        most: (layers, slots, heads) nats of the whole lift.
        log_odds: (slots,) of the target share.
        level: (slots,) how far the next query is steered.
        varied: (slots,) bool, which rows lift by several strengths.
        told: (layers, slots) which rows' masses are looked at.
        runs: Slot to the first of its lifted columns and the one behind the last of its prompt.
    """

    both: Tensor
    emphasised: Tensor
    nats: Tensor
    own: Tensor
    most: Tensor
    log_odds: Tensor
    level: Tensor
    varied: Tensor
    told: Tensor
    runs: dict[int, tuple[int, int]]

    @classmethod
    def like(cls, table: Tensor) -> Raised:
        """Return the tables beside a group's, with nothing in them."""
        layers, slots, heads, _ = table.shape
        hidden = torch.full_like(table, HIDDEN)
        heads_of = table.new_zeros(layers, slots, heads)
        rows = table.new_ones(slots)
        tables = torch.stack([table, hidden], dim=3), hidden, torch.zeros_like(table)
        varied = torch.zeros_like(rows, dtype=torch.bool)
        return cls(*tables, heads_of, heads_of.clone(), rows * NEVER, rows, varied, heads_of[..., 0].clone(), {})

    @property
    def lifted(self) -> Tensor:
        """(layers, slots, heads, capacity) 0 at lifted keys, :data:`HIDDEN` elsewhere."""
        return self.both[..., 1, :]

    def clear(self, slot: int) -> None:
        """Lift nothing in a row."""
        self.lifted[:, slot], self.emphasised[:, slot], self.nats[:, slot] = HIDDEN, HIDDEN, 0.0
        self.own[:, slot], self.most[:, slot] = 0.0, 0.0
        self.log_odds[slot], self.level[slot], self.varied[slot] = NEVER, 1.0, False
        self.told[:, slot] = 0.0
        self.runs.pop(slot, None)

    def write(self, slot: int, plan: Plan, seen: slice, level: float, gain: Tensor, lift: Tensor | float) -> Tensor:
        """Lay out a row, and return which of its keys are lifted: (layers, heads, capacity) bool.

        Args:
            slot: The row.
            plan: How it is steered.
            seen: The columns that its query sees.
            level: How far that query is steered.
            gain: (layers, heads) its gains.
            lift: Nats of generated keys at gain 1.
        """
        gain, first, width = gain.clamp(min=0), seen.start, plan.width
        nats = self.nats[:, slot]
        nats[..., first:width] = gain[..., None] * plan.nats[0, first:].clamp(min=0)
        self.own[:, slot] = gain * lift
        nats[..., max(first, width) : seen.stop] = self.own[:, slot, :, None]
        self.most[:, slot] = gain * plan.nats[0].amax().clamp(min=0)
        lifts = nats > 0
        self.lifted[:, slot] = torch.where(lifts, 0.0, HIDDEN)
        self.emphasised[:, slot, :, first:width] = self.lifted[:, slot, :, first:width]
        if plan.target is not None:
            self.log_odds[slot] = torch.logit(plan.target[0])
        self.level[slot], self.varied[slot] = level, plan.varied is not None
        columns = (plan.nats[0] > 0).nonzero().flatten().tolist()
        if columns:
            self.runs[slot] = columns[0], columns[-1] + 1
        return lifts

    def step(self, line: Tensor, positions: Tensor, other: Tensor) -> None:
        """Show the column of every row's next token.

        Args:
            line: (layers, rows, heads) number of the line in a table laid out flat.
            positions: (rows,) column in it.
            other: (layers, rows, heads) what the group's table shows there.
        """
        capacity, own = self.nats.shape[-1], self.own[:, : len(positions)]
        index = line * capacity + positions[:, None]
        first = index + line * capacity  # every line stands twice
        shown = torch.where(own > 0, own.new_zeros(()), HIDDEN)
        self.both.view(-1).index_copy_(
            0, torch.stack([first, first + capacity]).flatten(), torch.stack([other, shown]).flatten()
        )
        self.nats.view(-1).index_copy_(0, index.flatten(), own.flatten())

    def move(self, source: int, target: int) -> None:
        """Copy a row to another place."""
        for table in (self.both, self.emphasised, self.nats, self.own, self.most):
            table[:, target] = table[:, source]
        self.told[:, target] = self.told[:, source]
        for rows in (self.log_odds, self.level, self.varied):
            rows[target] = rows[source]
        self.runs.pop(target, None)
        if source in self.runs:
            self.runs[target] = self.runs[source]

    def of(self, index: int, step: Step, shape: Shape, tally: Tally) -> Apart:
        """Return the bias of one layer for the next tokens.

        Args:
            index: The layer's place in the group.
            step: Where the next tokens go.
            shape: Lays heads out as the kernel wants them.
            tally: Is told the masses, where a row's are looked at.
        """
        columns = self._columns(step)

        def shown(whole: Tensor) -> Tensor:
            return shape(whole[index, : step.rows, :, columns])

        def rows(whole: Tensor) -> Tensor:
            return whole[: step.rows, None, None]

        varied = bool(self.varied[: step.rows].any())
        lowered = bool((self.level[: step.rows] != 1).any())
        both = self.both[index, : step.rows, :, :, : step.columns]
        return Apart(
            shape(both[..., 0, :]),
            columns,
            shown(self.lifted),
            shape(self.most[index, : step.rows, :, None])[..., 0],
            rows(self.log_odds),
            shape(both) if goes_together(columns, step.columns) else None,
            rows(self.level) if lowered else None,
            shown(self.nats) if varied else None,
            rows(self.varied) if varied else None,
            shown(self.emphasised) if bool(self.told[index, : step.rows].any()) else None,
            tally,
            self.told[index, : step.rows, None, None],
        )

    def _columns(self, step: Step) -> slice:
        """Return the run of columns outside which no row lifts anything."""
        runs = [run for slot, run in self.runs.items() if slot < step.rows]
        first, last = min((run[0] for run in runs), default=0), max((run[1] for run in runs), default=1)
        return slice(first, step.columns if bool(self.own[:, : step.rows].any()) else last)
