"""Keys and values of the running requests: one row each, from column 0 on, so that nobody moves when others come or go.

Rows are as wide as the longest needs, and what lies behind a row's own last token is hidden by the masks. The batch is
always the first rows: when one leaves, the last takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

from boldface.errors import UnsupportedModelError

BLOCK = 256
"""Columns by which rows grow."""
STEP = 32
"""Columns that are shown to the model are a multiple of this, so that most steps show as many as the last."""
SHRINK = 4
"""Rows that are so many times too wide are made narrower."""


class Step:
    """Where the next tokens go: set before every forward.

    Attributes:
        rows: Rows that run.
        columns: Columns that they show to the model.
        positions: (rows,) column of every row's next token.
    """

    def __init__(self) -> None:
        self.rows = self.columns = 0
        self.positions = torch.zeros(0, dtype=torch.long)
        self._indices: dict[tuple[int, int], Tensor] = {}

    def at(self, positions: Sequence[int], device: torch.device) -> None:
        """Say where the next tokens go."""
        self.rows, self.columns = len(positions), _rounded(max(positions) + 1, STEP)
        self.positions = torch.tensor(positions, device=device)
        self._indices.clear()

    def index(self, heads: int, capacity: int) -> Tensor:
        """Return where they go in a table (rows, heads, capacity, …) laid out flat: (rows * heads,)."""
        if (heads, capacity) not in self._indices:
            line = torch.arange(self.rows * heads, device=self.positions.device).view(self.rows, heads)
            self._indices[heads, capacity] = (line * capacity + self.positions[:, None]).flatten()
        return self._indices[heads, capacity]


class Slots(Cache):
    """A cache of transformers whose rows grow each at its own length.

    Args:
        layers: Layers of the model.
        step: Where the next tokens go.
        most: Rows that may run.
    """

    def __init__(self, layers: int, step: Step, most: int) -> None:
        self.layers: list[SlotLayer]
        super().__init__(layers=[SlotLayer(step) for _ in range(layers)])
        self._most = most
        self.height = self.width = 0

    def fit(self, rows: int, columns: int, running: int) -> bool:
        """Make room for so many rows and columns, keeping the running rows; return whether anything moved.

        Columns in excess are given up when they are far too many.
        """
        tall = rows <= self.height
        wide = columns <= self.width <= SHRINK * max(columns, BLOCK)
        if tall and wide:
            return False
        if not tall:
            self.height = min(self._most, 1 << (rows - 1).bit_length())
        if not wide:
            self.width = _rounded(columns, BLOCK)
        for layer in self.layers:
            layer.fit(self.height, self.width, running)
        return True

    def join(self, slot: int, cache: Cache) -> None:
        """Write the keys and values of a prompt into a row."""
        for own, other in zip(self.layers, cache.layers, strict=False):
            if other.is_initialized:
                own.join(slot, other.keys, other.values, self.height, self.width)

    def move(self, source: int, target: int, columns: int) -> None:
        """Copy the first columns of a row to another one."""
        for layer in self.layers:
            if layer.is_initialized:
                layer.keys[target, :, :columns] = layer.keys[source, :, :columns]
                layer.values[target, :, :columns] = layer.values[source, :, :columns]

    def clear(self) -> None:
        """Give the memory back."""
        self.height = self.width = 0
        for layer in self.layers:
            layer.clear()


class SlotLayer(CacheLayerMixin):
    """One layer of :class:`Slots`: keys and values (slots, kv_heads, capacity, dim)."""

    is_sliding = False

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.keys: Tensor
        self.values: Tensor
        self._step = step
        self._shown: tuple[tuple[int, int], Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write the next token of every row, (rows, kv_heads, 1, dim), and return all that the rows hold."""
        step = self._step
        index = step.index(key_states.shape[1], self.keys.shape[2])
        for table, states in ((self._flat_keys, key_states), (self._flat_values, value_states)):
            table.index_copy_(0, index, states.reshape(-1, states.shape[-1]))
        if self._shown is None or self._shown[0] != (step.rows, step.columns):
            shown = (slice(step.rows), slice(None), slice(step.columns))
            self._shown = (step.rows, step.columns), self.keys[shown], self.values[shown]
        return self._shown[1], self._shown[2]

    def join(self, slot: int, keys: Tensor, values: Tensor, height: int, width: int) -> None:
        """Write a prompt's keys and values, (1, kv_heads, tokens, dim), into a row."""
        if not self.is_initialized:
            self._take(_table(keys, height, width), _table(values, height, width))
        self.keys[slot, :, : keys.shape[2]] = keys[0]
        self.values[slot, :, : values.shape[2]] = values[0]

    def fit(self, height: int, width: int, running: int) -> None:
        """Move to a table of another size."""
        if not self.is_initialized:
            return
        keys, values = _table(self.keys, height, width), _table(self.values, height, width)
        columns = min(width, self.keys.shape[2])
        keys[:running, :, :columns] = self.keys[:running, :, :columns]
        values[:running, :, :columns] = self.values[:running, :, :columns]
        self._take(keys, values)

    def clear(self) -> None:
        """Give the memory back."""
        self.keys = self.values = self._flat_keys = self._flat_values = torch.empty(0)
        self._shown, self.is_initialized = None, False

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing: prompts bring the shapes."""

    def get_max_length(self) -> int:
        """Return -1: rows grow."""
        return -1

    def get_seq_length(self) -> NoReturn:
        """Refuse: rows have lengths of their own.

        Raises:
            UnsupportedModelError: Always.
        """
        raise UnsupportedModelError(
            "The model asks how long the whole batch is, and every request has its own length.",
            "Such a model answers one batch at a time: use model.generate.",
        )

    def get_mask_sizes(self, query_length: int) -> NoReturn:
        """Refuse, as :meth:`get_seq_length`; masks are given."""
        self.get_seq_length()

    def _take(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values, self._shown, self.is_initialized = keys, values, None, True
        self._flat_keys, self._flat_values = keys.view(-1, keys.shape[-1]), values.view(-1, values.shape[-1])


def _table(like: Tensor, height: int, width: int) -> Tensor:
    # Zeros, because what a mask hides is still multiplied.
    return torch.zeros(height, like.shape[1], width, like.shape[3], dtype=like.dtype, device=like.device)


def _rounded(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
