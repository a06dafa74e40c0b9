"""The files of a shelf as blocks, so that whoever keeps prefixes finds in them what another process has read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from boldface.engine.caches.blocks import BLOCK, Block
from boldface.engine.caches.latest import Snapshot
from boldface.engine.caches.shelf import Shelf
from boldface.errors import BoldfaceError, CacheError

LOGGER = logging.getLogger("boldface.caches")


class Shelved(Mapping[bytes, Block]):
    """The blocks of all files of one model, by their keys; a file is read when the first of its blocks is wanted.

    A file that cannot be read, or holds another text than at first, has no blocks, and the log says why.

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
        self._open: dict[str, Snapshot] = {}
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

    def __getitem__(self, key: bytes) -> Block:
        name, number = self._places[key]
        if name not in self._open:
            try:
                self._open = {name: self._read(name)}
            except BoldfaceError as error:
                LOGGER.warning("%s", error.message)
                self._places = {known: place for known, place in self._places.items() if place[0] != name}
                raise KeyError(key) from error
        snapshot, columns = self._open[name], slice(number * BLOCK, (number + 1) * BLOCK)
        if number == self._last[name]:  # blocks are asked for in their order
            self._open.clear()

        def taken(tensor: Tensor) -> Tensor:
            return tensor[:, :, columns].to(self._device, copy=True)

        return Block(tuple(pair and (taken(pair[0]), taken(pair[1])) for pair in snapshot.layers))

    def _read(self, name: str) -> Snapshot:
        snapshot = self._shelf.get(name, self._owner)[0]
        now = {(name, number): key for number, key in enumerate(snapshot.trace.blocks(BLOCK, self._seed))}
        if any(now.get(place) != key for key, place in self._places.items() if place[0] == name):
            raise CacheError(f"{name!r} was written anew since the files were looked at.", "Start again to use it.")
        return snapshot

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
