"""Keys and values of the beginnings of prompts, kept from request to request and shared by all that begin alike.

They are kept in blocks. A block belongs to its tokens, to what they depend on (:mod:`boldface.steering.prefix_law`) and
to the block before it, so prompts that begin alike share blocks, and two that differ anywhere before share none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache

from boldface.steering.prefix_law import Trace

BLOCK = 32
"""Tokens of a block."""


@dataclass(frozen=True)
class Block:
    """Keys and values of some tokens.

    Attributes:
        layers: Keys and values of every layer, (1, kv_heads, tokens, dim); None for layers that keep none.
    """

    layers: tuple[tuple[Tensor, Tensor] | None, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(tensor.nbytes for pair in self.layers if pair for tensor in pair)


class Elsewhere(Protocol):
    """Blocks that are kept in another place."""

    def __contains__(self, key: bytes) -> bool:
        """Whether there is a block of that key."""

    def __getitem__(self, key: bytes) -> Block:
        """Return it; KeyError when it is not there any more."""

    def fetch(self, key: bytes) -> Future[Any] | None:
        """Begin to bring it near, beside everything else; None when nothing has to be waited for."""


class Prefixes:
    """Blocks of the prompts that were seen last.

    Args:
        most: Bytes that may be kept.
        elsewhere: Blocks that are not here, by their keys: they are taken in when a prompt wants them.

    Attributes:
        size: Bytes that are kept.
        hits: Prompts that found some of theirs.
    """

    def __init__(self, most: int, elsewhere: Elsewhere | None = None) -> None:
        self.most, self.size, self.hits = most, 0, 0
        self._elsewhere = elsewhere
        self._blocks: OrderedDict[bytes, Block] = OrderedDict()

    def __len__(self) -> int:
        return len(self._blocks)

    def recall(self, wanted: Trace, most: int, owner: bytes = b"") -> tuple[DynamicCache, int]:
        """Return a cache of the first tokens of a prompt, at most so many, and how many; it is the caller's own.

        Args:
            wanted: What their keys and values have to depend on.
            most: Tokens that may be taken.
            owner: The model.
        """
        keys, found = [], []
        for key in self._known(wanted.first(most), owner):
            if key not in self._blocks:
                assert self._elsewhere is not None
                try:
                    self._add(key, self._elsewhere[key])
                except KeyError:  # it is not there any more
                    break
            keys.append(key)
            found.append(self._blocks[key])
        self._use(keys)
        self._shrink()
        cache = DynamicCache()
        if found:
            self.hits += 1
            for layer, parts in enumerate(zip(*(block.layers for block in found), strict=True)):
                kept = [part for part in parts if part is not None]
                if kept:
                    cache.update(torch.cat([k for k, _ in kept], dim=2), torch.cat([v for _, v in kept], dim=2), layer)
        return cache, len(found) * BLOCK

    def fetch(self, wanted: Trace, most: int, owner: bytes = b"") -> Future[Any] | None:
        """Begin to bring near what :meth:`recall` will take from elsewhere; None when nothing has to be waited for.

        What it gives is done once it is worth asking again.
        """
        if self._elsewhere is None:
            return None
        missing = (key for key in self._known(wanted.first(most), owner) if key not in self._blocks)
        return None if (key := next(missing, None)) is None else self._elsewhere.fetch(key)

    def count(self, wanted: Trace, most: int, owner: bytes = b"") -> int:
        """Return of how many tokens :meth:`recall` would give a cache."""
        return BLOCK * sum(1 for _ in self._known(wanted.first(most), owner))

    def keep(self, known: Trace, cache: Cache, owner: bytes = b"") -> None:
        """Keep the first tokens of a prompt, as far as they fill blocks, from a cache of it."""
        if not self.most:
            return
        keys = list(known.blocks(BLOCK, owner))
        for number, key in enumerate(keys):
            if key not in self._blocks:
                self._add(key, cut(cache, number * BLOCK, (number + 1) * BLOCK))
        self._use(keys)
        self._shrink()

    def _known(self, wanted: Trace, owner: bytes) -> Iterator[bytes]:
        """Yield the keys of a prompt's first blocks, as far as they are known."""
        for key in wanted.blocks(BLOCK, owner):
            if key not in self._blocks and (self._elsewhere is None or key not in self._elsewhere):
                return
            yield key

    def _add(self, key: bytes, block: Block) -> None:
        self._blocks[key] = block
        self.size += block.size

    def _use(self, keys: list[bytes]) -> None:
        for key in reversed(keys):  # so that a block never outlives the one before it
            self._blocks.move_to_end(key)

    def _shrink(self) -> None:
        while self.size > self.most:
            self.size -= self._blocks.popitem(last=False)[1].size


def cut(cache: Cache, start: int, stop: int) -> Block:
    """Return a copy of the tokens ``[start, stop)`` of a cache."""
    return Block(
        tuple(
            (layer.keys[:, :, start:stop].clone(), layer.values[:, :, start:stop].clone())
            if layer.is_initialized
            else None
            for layer in cache.layers
        )
    )
