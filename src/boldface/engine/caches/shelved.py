"""The files of a shelf as blocks, so that whoever keeps prefixes finds in them what another process has read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import torch
from torch import Tensor

from boldface.engine.caches.blocks import BLOCK, Block
from boldface.engine.caches.shelf import Shelf
from boldface.errors import BoldfaceError, CacheError

LOGGER = logging.getLogger("boldface.caches")


class Shelved(Mapping[bytes, Block]):
    """The blocks of all files of one model, by their keys; a file is read when the first of its blocks is wanted.

    Reading and checking a file takes seconds where the text is long. Who has something else to do meanwhile asks for
    it by :meth:`fetch` first. A file that cannot be read, or holds another text than at first, has no blocks, and the
    log says why.

    Args:
        shelf: The files, as they are now.
        owner: Whose files, see :func:`boldface.engine.caches.owner.lasting_owner`.
        seed: What the keys begin with: the ``owner`` of :class:`~boldface.engine.caches.blocks.Prefixes`.
        device: Where the blocks are wanted; the CPU unless given.
    """

    def __init__(self, shelf: Shelf, owner: str, seed: bytes = b"", device: torch.device | None = None) -> None:
        self._shelf, self._owner, self._seed, self._device = shelf, owner, seed, device
        self._places: dict[bytes, tuple[str, int]] = {}
        self._last: dict[str, int] = {}
        self._open: dict[str, dict[bytes, Block]] = {}
        self._reader: ThreadPoolExecutor | None = None
        self._coming: tuple[str, Future[dict[bytes, Block]]] | None = None
        for entry in shelf.entries():
            if entry.owner == owner and not entry.problem:
                try:
                    known = shelf.trace(entry)
                except (BoldfaceError, OSError) as error:
                    LOGGER.warning("%s", error)
                    continue
                for number, key in enumerate(known.blocks(BLOCK, seed)):
                    self._places[key] = entry.name, number
                    self._last[entry.name] = number

    def __contains__(self, key: object) -> bool:
        return key in self._places  # a mapping's own would read the file

    def __getitem__(self, key: bytes) -> Block:
        name, number = self._places[key]
        if name not in self._open:
            self._take(name, partial(self._read, name))
            if name not in self._open:
                raise KeyError(key)
        block = self._open[name][key]
        if number == self._last[name]:  # blocks are asked for in their order
            self._open.clear()
        return block

    def fetch(self, key: bytes) -> Future[Any] | None:
        """Begin to read the file of a block in another thread, one file at a time.

        Returns:
            What is done when that has ended; None when the block can be taken at once, or its file cannot be read.
        """
        name = self._places[key][0]
        if name in self._open:
            return None
        if self._coming is not None:
            coming, blocks = self._coming
            if not blocks.done():
                return blocks
            self._coming = None
            if coming == name:
                self._take(name, blocks.result)
                return None
        if self._reader is None:
            self._reader = ThreadPoolExecutor(1, "boldface-shelf")
        self._coming = name, self._reader.submit(self._read, name)
        return self._coming[1]

    def close(self) -> None:
        """End the thread that reads; the next file begins another one."""
        if self._reader is not None:
            self._reader.shutdown(wait=False, cancel_futures=True)
        self._reader = self._coming = None

    def _take(self, name: str, read: Callable[[], dict[bytes, Block]]) -> None:
        """Have a file open, instead of any other; one that cannot be read has no blocks from now on."""
        try:
            self._open = {name: read()}
        except (BoldfaceError, OSError) as error:
            LOGGER.warning("%s", error)
            self._places = {known: place for known, place in self._places.items() if place[0] != name}

    def _read(self, name: str) -> dict[bytes, Block]:
        """Read a file and cut it into blocks, which are copies, so that what is not wanted is given back."""
        snapshot = self._shelf.get(name, self._owner)[0]
        numbers = {key: number for number, key in enumerate(snapshot.trace.blocks(BLOCK, self._seed))}
        if any(numbers.get(key) != number for key, (file, number) in self._places.items() if file == name):
            raise CacheError(f"{name!r} was written anew since the files were looked at.", "Start again to use it.")

        def block(number: int) -> Block:
            columns = slice(number * BLOCK, (number + 1) * BLOCK)

            def taken(tensor: Tensor) -> Tensor:
                return tensor[:, :, columns].to(self._device, copy=True)

            return Block(tuple(pair and (taken(pair[0]), taken(pair[1])) for pair in snapshot.layers))

        return {key: block(number) for key, number in numbers.items()}

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
