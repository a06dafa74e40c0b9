"""The steerings of the requests that run, in slots: what every token of a batch looks up by one index."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from boldface.vllm import columns, wire
from boldface.vllm.entry import Entry, entry


class Table:
    """Slots of steerings. The least recently used one is overwritten when a new one needs its place.

    Every steering has two neighbouring rows in :attr:`queries`: the first lifts generated keys, the second does not,
    for queries that have lost sight of the emphasis. Row 0 steers nothing.

    Args:
        slots: How many steerings are kept; as many as requests that run at once, at least.
        layers: The layers of this rank.
        scales: What the kernel multiplies scores with, a layer.
        heads: Query heads of this rank.
        dtype: Of queries and cache.

    Attributes:
        queries: (layers, 1 + 2 x slots, heads, columns), what is appended to queries.
        generated: (1 + 2 x slots, columns), what is appended to keys of generated tokens.
        prompt: (1 + 2 x slots,) tokens of the prompt, by the first row of a steering.
        start: The same of the first steered query.
        last: The same of the last lifted position.
    """

    def __init__(
        self, slots: int, layers: Sequence[int], scales: Sequence[float], heads: range, dtype: torch.dtype
    ) -> None:
        self._layers, self._scales, self._heads, self._dtype = layers, scales, heads, dtype
        rows, width = 1 + 2 * slots, columns.count(dtype)
        self.queries = torch.zeros(len(layers), rows, len(heads), width, dtype=dtype)
        self.generated = torch.zeros(rows, width, dtype=dtype)
        self.prompt, self.start, self.last = np.zeros((3, rows), dtype=np.int64)
        self._entries: dict[int, Entry] = {}
        self._rows: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._free = list(range(rows - 2, 0, -2))

    def row(self, text: str, prompt: int) -> int:
        """Return the first row of a request's steering.

        Args:
            text: What :func:`boldface.vllm.shape.check` let pass, and is not null.
            prompt: Tokens of its prompt.
        """
        row = self._rows.get((text, prompt))
        if row is None:
            row = self._put(entry(wire.steering(text), prompt, self._scales, self._heads, self._dtype, self._layers))
            self._rows[text, prompt] = row
        self._rows.move_to_end((text, prompt))
        return row

    def keys(self, row: int) -> Tensor:
        """Return what is appended to the keys of a prompt: (prompt, columns)."""
        return self._entries[row].keys

    def _put(self, laid_out: Entry) -> int:
        row = self._free.pop() if self._free else self._rows.popitem(last=False)[1]
        self._entries[row] = laid_out
        self.queries[:, row], self.queries[:, row + 1] = laid_out.queries, laid_out.unlifted
        self.generated[row] = laid_out.generated
        self.prompt[row], self.start[row], self.last[row] = laid_out.prompt, laid_out.start, laid_out.last
        return row
