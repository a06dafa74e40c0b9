"""Keys and values of the plain model for the beginnings of prompts, kept from request to request.

A prompt is plain up to its first emphasised token (prefix law), or but for its last token (scope ``answer``, or no
emphasis), whatever the gains. It is kept in blocks: a block belongs to its tokens and to the block before it, so
prompts that begin alike share blocks, and two that differ anywhere before share none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache

BLOCK = 32
"""Tokens of a block."""


@dataclass(frozen=True)
class Block:
    """Keys and values of some tokens.

    Attributes:
        serial: Its number; no two blocks ever have the same.
        layers: Keys and values of every layer, (1, kv_heads, tokens, dim); None for layers that keep none.
        size: Bytes.
    """

    serial: int
    layers: tuple[tuple[Tensor, Tensor] | None, ...]
    size: int


class Prefixes:
    """Blocks of the prompts that were seen last. Of one model, whose weights do not change.

    Args:
        most: Bytes that may be kept.

    Attributes:
        size: Bytes that are kept.
        hits: Prompts that found some of theirs.
    """

    def __init__(self, most: int) -> None:
        self.most, self.size, self.hits = most, 0, 0
        self._blocks: OrderedDict[tuple[int, tuple[int, ...]], Block] = OrderedDict()
        self._serial = 0

    def __len__(self) -> int:
        return len(self._blocks)

    def find(self, ids: Sequence[int], plain: int) -> tuple[DynamicCache, int]:
        """Return a cache of the first tokens of a prompt, and how many; it is the caller's own, and may grow.

        Args:
            ids: The prompt.
            plain: How many of its first tokens are plain.
        """
        keys, found = [], []
        for key in self._keys(ids, plain):
            if key not in self._blocks:
                break
            keys.append(key)
            found.append(self._blocks[key])
        for key in reversed(keys):  # so that a block never outlives the one before it
            self._blocks.move_to_end(key)
        cache = DynamicCache()
        if found:
            self.hits += 1
            for layer, parts in enumerate(zip(*(block.layers for block in found), strict=True)):
                kept = [part for part in parts if part is not None]
                if kept:
                    cache.update(torch.cat([k for k, _ in kept], dim=2), torch.cat([v for _, v in kept], dim=2), layer)
        return cache, len(found) * BLOCK

    def keep(self, ids: Sequence[int], plain: int, cache: Cache) -> None:
        """Keep the first ``plain`` tokens of a prompt, as far as they fill blocks, from a cache of it."""
        if not self.most:
            return
        added = []
        for number, key in enumerate(self._keys(ids, plain)):
            if key not in self._blocks:
                columns = slice(number * BLOCK, (number + 1) * BLOCK)
                layers = tuple(
                    (layer.keys[:, :, columns].clone(), layer.values[:, :, columns].clone())
                    if layer.is_initialized
                    else None
                    for layer in cache.layers
                )
                size = sum(tensor.nbytes for pair in layers if pair for tensor in pair)
                self._serial += 1
                self._blocks[key] = Block(self._serial, layers, size)
                self.size += size
            added.append(key)
        for key in reversed(added):
            self._blocks.move_to_end(key)
        while self.size > self.most:
            _, oldest = self._blocks.popitem(last=False)
            self.size -= oldest.size

    def _keys(self, ids: Sequence[int], plain: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield the keys of a prompt's full blocks, as long as the block before is kept."""
        before = 0
        for start in range(0, plain - BLOCK + 1, BLOCK):
            key = before, tuple(ids[start : start + BLOCK])
            yield key
            if key not in self._blocks:
                return
            before = self._blocks[key].serial
