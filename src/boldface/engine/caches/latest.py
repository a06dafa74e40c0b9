"""The memory of one conversation: what was read last, shared with what comes next to the very token."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache

from boldface.engine.caches.blocks import Prefixes
from boldface.steering.prefix_law import Trace

Layers = tuple[tuple[Tensor, Tensor] | None, ...]
"""Keys and values of every layer, (1, kv_heads, tokens, dim); None for layers that keep none."""


@dataclass(frozen=True)
class Snapshot:
    """Keys and values of some tokens, and what they depend on.

    Attributes:
        trace: What they depend on.
        layers: The keys and values; no caller writes into them.
    """

    trace: Trace
    layers: Layers

    @classmethod
    def of(cls, trace: Trace, cache: Cache) -> Snapshot:
        """Return the first tokens of a cache, without a copy: a cache grows into new tensors."""
        columns = slice(len(trace))
        layers = tuple(
            (layer.keys[:, :, columns], layer.values[:, :, columns]) if layer.is_initialized else None
            for layer in cache.layers
        )
        return cls(trace, layers)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(tensor.nbytes for pair in self.layers if pair for tensor in pair)

    def to(self, device: torch.device) -> Snapshot:
        """Return the snapshot on a device."""
        return Snapshot(self.trace, tuple(pair and (pair[0].to(device), pair[1].to(device)) for pair in self.layers))

    def cache(self, tokens: int) -> DynamicCache:
        """Return a cache of the first tokens, which may grow and leaves the snapshot as it is."""
        cache = DynamicCache()
        if tokens:
            for layer, pair in enumerate(self.layers):
                if pair is not None:
                    cache.update(pair[0][:, :, :tokens], pair[1][:, :, :tokens], layer)
        return cache


NOTHING = Snapshot(Trace((), ()), ())


class Latest:
    """Keeps what was read last, and may ask what others have read.

    Args:
        shared: Beginnings of prompts that others have read, and that others are told of.

    Attributes:
        snapshot: What was read last.
    """

    def __init__(self, shared: Prefixes | None = None) -> None:
        self.snapshot = NOTHING
        self._owner, self._shared = b"", shared

    def recall(self, wanted: Trace, most: int, owner: bytes) -> tuple[DynamicCache, int]:
        """Return a cache of the first tokens of a prompt, at most so many, and how many."""
        if owner != self._owner:
            self.forget()
        own = min(self.snapshot.trace.common(wanted), most)
        if self._shared is not None and self._shared.count(wanted, most, owner) > own:
            return self._shared.recall(wanted, most, owner)
        return self.snapshot.cache(own), own

    def keep(self, known: Trace, cache: Cache, owner: bytes) -> None:
        """Keep the first tokens of a cache instead of what was kept so far."""
        self.snapshot, self._owner = Snapshot.of(known, cache), owner
        if self._shared is not None:
            self._shared.keep(known, cache, owner)

    def forget(self) -> None:
        """Keep nothing."""
        self.snapshot, self._owner = NOTHING, b""
