"""Where queries and keys stand: read from the cache once a forward, before any layer writes to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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

    def read(self, cache: Any, queries: int) -> None:
        """Take the columns from the cache (anything else means: no cache) and the number of new queries."""
        if not isinstance(cache, Cache):
            self.query_start, self.key_start = 0, 0
            return
        start = cache.get_query_offset(self.layer)
        # A static cache counts in place, while its layers write: what we keep must not move.
        self.query_start = start.clone() if isinstance(start, Tensor) else start
        self.key_start = cache.get_mask_sizes(queries, self.layer)[1]


def by_kind(layers: Iterable[LayerGeometry], layer_types: list[str]) -> dict[int, Positions]:
    """Share one object among the layers of a kind: equal layer type and window."""
    kinds: dict[tuple[str, int | None], Positions] = {}
    shared = {}
    for layer in layers:
        kind = layer_types[layer.layer] if layer.layer < len(layer_types) else ""
        shared[layer.layer] = kinds.setdefault((kind, layer.window), Positions(layer.layer))
    return shared
