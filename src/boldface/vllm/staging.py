"""What the tokens of one step append to their queries and keys, laid out before the model runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from boldface.vllm import wire
from boldface.vllm.table import Table

_AT_ONCE = 1 << 21
"""Numbers up to which the columns of all layers are looked up in one go, which saves a call a layer."""

Numbers = npt.NDArray[np.int64]


class Staging:
    """The columns of the tokens of the step at hand.

    It is a function of the requests and of the positions that are computed, and of nothing that was computed before:
    chunks, preemption, resuming and draft tokens need no state.

    Args:
        table: The steerings.

    Attributes:
        keys: (tokens, columns), what the keys of the step append; None where no request of the step is steered.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.keys: Tensor | None = None
        self._rows: dict[int | None, Tensor] = {}
        self._queries: dict[int | None, tuple[Tensor, ...]] = {}
        self._first, self._positions = np.zeros((2, 0), dtype=np.int64)

    def stage(self, texts: Sequence[str | None], prompts: Numbers, computed: Numbers, counts: Numbers) -> None:
        """Lay out a step.

        Args:
            texts: What every request says of its steering; None where it is plain.
            prompts: (requests,) tokens of the prompts.
            computed: (requests,) position of the first token of the step.
            counts: (requests,) tokens of the step.
        """
        self._rows.clear()
        self._queries.clear()
        self.keys = None
        if not any(texts):
            return
        table = self._table
        first = np.fromiter(
            (0 if text is None else table.row(text, int(prompt)) for text, prompt in zip(texts, prompts, strict=True)),
            dtype=np.int64,
            count=len(texts),
        )
        begins = np.cumsum(counts) - counts
        of_token = np.repeat(np.arange(len(texts)), counts)
        positions = np.arange(len(of_token)) + (computed - begins)[of_token]
        rows = first[of_token]
        generated = np.where(positions >= table.prompt[rows], rows, 0)
        keys = table.generated[torch.from_numpy(generated)]
        for request in np.flatnonzero((first > 0) & (computed < prompts)):
            begin, start = int(begins[request]), int(computed[request])
            stop = min(start + int(counts[request]), int(prompts[request]))
            keys[begin : begin + stop - start] = table.keys(int(first[request]))[start:stop]
        self.keys, self._positions = keys, positions
        self._first = np.where(positions >= table.start[rows], rows, 0)

    def rows(self, window: int | None) -> Tensor:
        """Return the row of the table that every query of the step looks up: (tokens,).

        Args:
            window: Tokens that a query sees, itself included; None for all.
        """
        rows = self._rows.get(window)
        if rows is None:
            first = self._first
            if window is not None:
                lost = (first > 0) & (self._positions - self._table.last[first] >= window)
                first = first + lost
            rows = self._rows[window] = torch.from_numpy(first)
        return rows

    def queries(self, layer: int, window: int | None) -> Tensor:
        """Return what the queries of the step append in a layer: (tokens, heads, columns)."""
        rows, table = self.rows(window), self._table.queries
        if len(rows) * table.shape[0] * table[0, 0].numel() > _AT_ONCE:
            return table[layer].index_select(0, rows)
        if window not in self._queries:
            self._queries[window] = table.index_select(1, rows).unbind()
        return self._queries[window][layer]


def texts(names: Sequence[str], requests: Mapping[str, Any]) -> list[str | None]:
    """Return what requests say of their steering.

    Args:
        names: Their ids.
        requests: vLLM's ``CachedRequestState`` by id.
    """
    said = []
    for name in names:
        params = requests[name].sampling_params
        said.append(None if params is None or not params.extra_args else params.extra_args.get(wire.KEY))
    return said
