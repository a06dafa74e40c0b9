"""The plain model's keys and values of what stands before any emphasis, kept from trial to trial.

By the prefix law no gain reaches them, so that trials of other gains on the same lessons share them.
"""

from __future__ import annotations

import copy
from collections import OrderedDict

from torch import Tensor, nn
from transformers.cache_utils import Cache

from boldface.engine.prompts import Rows
from boldface.engine.scoring import read_ahead

MOST_BYTES = 2**29
LEAST = 16
"""Columns; fewer are not worth a call of their own."""


class Prefixes:
    """Keeps the prefixes of the batches that were asked for last. Of one model, whose weights do not change.

    Args:
        model: The model.
        most: Bytes that may be kept.
    """

    def __init__(self, model: nn.Module, most: int = MOST_BYTES) -> None:
        self.model, self.most = model, most
        self._kept: OrderedDict[tuple[int, bytes], tuple[Cache, int]] = OrderedDict()

    def of(self, rows: Rows, columns: int) -> Cache:
        """Return a cache of the first columns of prompts; it is the caller's own, and may grow.

        Args:
            rows: The prompts, left-padded.
            columns: How many; none of them emphasised or behind an emphasised one.
        """
        key = (columns, rows.ids.cpu().numpy().tobytes() + rows.mask.cpu().numpy().tobytes())
        if key not in self._kept:
            cache = read_ahead(self.model, rows, columns)
            self._kept[key] = (cache, _size(cache))
        self._kept.move_to_end(key)
        found = copy.deepcopy(self._kept[key][0])
        while sum(size for _, size in self._kept.values()) > self.most:
            self._kept.popitem(last=False)
        return found


def _size(cache: Cache) -> int:
    tensors = [value for layer in cache.layers for value in vars(layer).values() if isinstance(value, Tensor)]
    return sum(tensor.nbytes for tensor in tensors)
