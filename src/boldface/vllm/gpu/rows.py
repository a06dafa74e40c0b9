"""What the kernel reads of every request: tables that keep their addresses, one row a slot.

The bias of :mod:`boldface.steering.plan`, by position instead of by column: a request needs its prompt's length, the
nats of its prompt tokens, the lift of its generated ones, its first active query, and the last token that is lifted
(behind a sliding window, generated tokens are lifted while the window still reaches it). All of it depends on the
request alone and not on what was computed so far: chunked prefill, preemption, prefix caching, speculated tokens and KV
that comes from another machine need nothing more.

Slot 0 is plain and never written. Requests come and go by writing into the tables, never by making others, so a
captured CUDA graph reads what is current when it is replayed. A rank of a tensor-parallel group holds its own heads.

Gains and nats are bounded only as a product, so they lie here balanced, as in :mod:`boldface.vllm.columns`: the largest
gain of a request has the size of the cap, whatever it was, and 32 bits hold all the others and all nats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from boldface.emphasis.strength import MAX_STRENGTH
from boldface.steering.plan import Steering

NEVER = 2**31 - 1
"""Start of a slot that steers no query."""

PLAIN = 0
"""The slot of requests without emphasis."""


@dataclass(frozen=True)
class Bias:
    """What one layer's kernel reads.

    Attributes:
        slot_of_row: (rows,) int32, slot of every row of the batch.
        gains: (slots, heads) float32, balanced gains of this layer's heads.
        nats: (slots, positions) float32, balanced strength of every prompt token.
        facts: (slots, 3) int32: prompt tokens, first active query, last lifted token or -1.
        lift: (slots,) float32, balanced strength of generated tokens.
    """

    slot_of_row: Tensor
    gains: Tensor
    nats: Tensor
    facts: Tensor
    lift: Tensor


@dataclass(frozen=True)
class Row:
    """One request's row, on the host.

    Attributes:
        gains: (layers, heads) float32, balanced, of this rank's heads.
        nats: (prompt,) float32, balanced.
        facts: Prompt tokens, first active query, last lifted token or -1.
        lift: Balanced strength of generated tokens.
    """

    gains: np.ndarray
    nats: np.ndarray
    facts: tuple[int, int, int]
    lift: float


class Rows:
    """The tables of one worker.

    Args:
        layers: Query heads that this rank holds of every layer that can be steered.
        slots: Requests that may be steered at once.
        rows: Rows that a batch may have, padding included.
        positions: Tokens that a request may have.
        rank: Of the tensor-parallel group; query heads are dealt out in order.
        device: Where the tables lie.
    """

    def __init__(
        self,
        layers: Mapping[int, int],
        *,
        slots: int,
        rows: int,
        positions: int,
        rank: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.layers = dict(layers)
        self.rank = rank
        self._index = {layer: index for index, layer in enumerate(sorted(layers))}
        most = max(layers.values(), default=0)
        self.gains = torch.zeros(len(layers), slots + 1, most, device=device)
        self.nats = torch.zeros(slots + 1, positions, device=device)
        self.facts = torch.tensor([[0, NEVER, -1]], dtype=torch.int32, device=device).repeat(slots + 1, 1)
        self.lift = torch.zeros(slots + 1, device=device)
        self.slot_of_row = torch.zeros(rows, dtype=torch.int32, device=device)

    def of(self, layer: int) -> Bias:
        """Return what the kernel of a layer reads; the tensors are the same ones in every step."""
        gains = self.gains[self._index[layer], :, : self.layers[layer]]
        return Bias(self.slot_of_row, gains, self.nats, self.facts, self.lift)

    def lay_out(self, steering: Steering, prompt: int) -> Row | None:
        """Return the row of a request, or None where nothing is steered.

        Args:
            steering: Rule ``pasta`` or ``flat``; its spans end within the prompt and its heads exist.
            prompt: Tokens of the prompt.
        """
        if steering.is_null:
            return None
        nats = np.zeros(prompt)
        for span in steering.spans:
            nats[span.start : span.end] = span.strength
        emphasised, lifted = nats.nonzero()[0], (nats > 0).nonzero()[0]
        reach = max(map(abs, steering.gains.values()))
        nats *= reach / MAX_STRENGTH
        gains = np.zeros(tuple(self.gains.shape[::2]), dtype=np.float32)
        for (layer, head), gain in steering.gains.items():
            held = self.layers.get(layer, 0)  # none of a layer that another rank of a pipeline has
            local = head - self.rank * held
            if 0 <= local < held:
                gains[self._index[layer], local] = gain / reach * MAX_STRENGTH
        start = prompt - 1 if steering.scope == "answer" else int(emphasised[0])
        lift = float(nats.max(initial=0.0)) if steering.rule == "pasta" else 0.0
        last = int(lifted[-1]) if len(lifted) else -1
        return Row(gains, nats.astype(np.float32), (prompt, start, last), lift)

    def write(self, slot: int, row: Row) -> None:
        """Write a request's row into a slot, in the order of the device's stream: earlier steps read what was there."""
        send(torch.from_numpy(row.gains), self.gains[:, slot])
        send(torch.from_numpy(row.nats), self.nats[slot, : len(row.nats)])
        send(torch.tensor(row.facts, dtype=torch.int32), self.facts[slot])
        self.lift[slot] = row.lift

    def show(self, slots: Sequence[int]) -> None:
        """Say which slots the rows of the next step have; the rows behind them are padding, and plain."""
        padded = torch.zeros(len(self.slot_of_row), dtype=torch.int32)
        padded[: len(slots)] = torch.tensor(slots, dtype=torch.int32)
        send(padded, self.slot_of_row)

    def show_states(self, slot_of_state: Tensor, states: Tensor) -> None:
        """Say the same without the host: row r has the slot of request state ``states[r]``.

        Args:
            slot_of_state: (states,) int32, on the device.
            states: (rows,) int64, on the device.
        """
        torch.index_select(slot_of_state, 0, states, out=self.slot_of_row[: len(states)])
        self.slot_of_row[len(states) :].zero_()


def send(source: Tensor, target: Tensor) -> None:
    """Copy from the host without waiting; pinned memory is given back when the copy is done."""
    if target.device.type == "cuda":
        source = source.pin_memory()
    target.copy_(source, non_blocking=True)
