"""Where queries and keys stand: read from the cache once a forward, before any layer writes to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from boldface.attention.geometry import LayerGeometry


@dataclass(slots=True)
class Positions:
    """Columns of the current forward in layers of one kind.

    Attributes:
        layer: A layer of that kind.
        query_start: Column of the first query; a tensor for static caches.
        key_start: Column of the first key; above 0 behind a sliding-window cache.
    """

    layer: int
    query_start: int | Tensor = 0
    key_start: int = 0
    _judged: tuple[Any, bool] | None = None

    def read(self, cache: Any, queries: int) -> None:
        """Take the columns from the cache (anything else means: no cache) and the number of new queries."""
        self._judged = None
        if not isinstance(cache, Cache):
            self.query_start, self.key_start = 0, 0
            return
        start = cache.get_query_offset(self.layer)
        # A static cache counts in place, while its layers write: what we keep must not move.
        self.query_start = start.clone() if isinstance(start, Tensor) else start
        self.key_start = cache.get_mask_sizes(queries, self.layer)[1]

    def appends(self, mask: Any, queries: int, keys: int) -> bool:
        """Whether the queries see all keys in front of them, and each other causally: neither padding nor window.

        A mask is looked at once a forward; the layers of a kind are given the same.

        Args:
            mask: As the model passes it to the layers of this kind.
            queries: Their number.
            keys: The number of keys, cached ones and those of the queries.
        """
        start = self.query_start
        if queries == 1 or not isinstance(start, int) or not 0 < start == keys - queries or self.key_start:
            return False
        if not isinstance(mask, Tensor) or mask.ndim != 4 or mask.shape[1] != 1 or torch.compiler.is_compiling():
            return False
        if self._judged is None or self._judged[0] is not mask:
            causal = torch.ones(queries, keys, dtype=torch.bool, device=mask.device).tril(start)
            seen = mask if mask.dtype == torch.bool else mask == 0
            is_causal = mask.shape[2:] == causal.shape and bool((seen == causal).all())
            if is_causal and mask.dtype != torch.bool:  # what is not 0 must hide, and not merely weigh
                is_causal = bool((mask <= torch.finfo(mask.dtype).min / 2).ne(causal).all())
            self._judged = mask, is_causal
        return self._judged[1]


def by_kind(layers: Iterable[LayerGeometry], layer_types: list[str]) -> dict[int, Positions]:
    """Share one object among the layers of a kind: equal layer type and window."""
    kinds: dict[tuple[str, int | None], Positions] = {}
    shared = {}
    for layer in layers:
        kind = layer_types[layer.layer] if layer.layer < len(layer_types) else ""
        shared[layer.layer] = kinds.setdefault((kind, layer.window), Positions(layer.layer))
    return shared
