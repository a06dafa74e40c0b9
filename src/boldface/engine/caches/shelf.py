"""Keys and values in files, one text a file, so that what was read once is never read again, by no process.

A file holds tokens, their strengths, keys and values (safetensors: numbers alone, nothing that runs), whose they are,
and a digest over all of it. Whatever is damaged, cut off or of another model is refused. Files are written whole or
not at all, and only their owner may read them: keys and values tell the text.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from boldface.engine.caches.latest import Layers, Snapshot
from boldface.errors import CacheError, MissingError
from boldface.steering.prefix_law import Trace

_KIND = "boldface keys and values "
FORMAT = f"{_KIND}1"
MOST = 4 * 2**30
"""Bytes of all files, unless another bound is given."""
_ENDING = ".safetensors"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_OURS = re.compile(rf"{_NAME.pattern}\.[0-9a-f]{{8}}{re.escape(_ENDING)}")
"""Names of the files that are written here: of what cannot be read, the name says whose it is."""
_DRAFTS_LIVE = 3600
"""Seconds after which a file that is still being written is nobody's."""


@dataclass(frozen=True)
class Entry:
    """What a file says of itself.

    Attributes:
        path: The file.
        name: Its name on the shelf.
        size: Bytes of the file.
        used: Second since 1970 at which it was written or read last.
        owner: Whose keys and values these are, see :func:`boldface.engine.caches.owner.lasting_owner`.
        tokens: How many.
        about: What whoever wrote it said about it.
        problem: Why it cannot be read; empty when it can, as far as was looked.
        foreign: Whether it is somebody else's file: it is never read, replaced or removed.
    """

    path: Path
    name: str
    size: int
    used: float
    owner: str = ""
    tokens: int = 0
    about: Mapping[str, Any] | None = None
    problem: str = ""
    foreign: bool = False


class Shelf:
    """A folder of such files.

    Args:
        folder: The folder; it is made when something is put there.
        most: Bytes that the files may have together; those that were used longest ago go first.
    """

    def __init__(self, folder: str | os.PathLike[str], most: int = MOST) -> None:
        self.folder, self.most = Path(folder), most

    def entries(self) -> list[Entry]:
        """Return what there is, last used first; of every file its head alone is read."""
        found = [_entry(path) for path in self.folder.glob(f"*{_ENDING}")] if self.folder.is_dir() else []
        return sorted((entry for entry in found if entry is not None), key=lambda entry: -entry.used)

    def put(self, name: str, snapshot: Snapshot, *, owner: str, about: Mapping[str, Any]) -> Entry:
        """Write a snapshot; one of the same name and owner is replaced.

        Args:
            name: Letters, digits, ``_`` and ``-``, at most 64.
            snapshot: The keys and values.
            owner: Whose they are.
            about: Anything that JSON can say.

        Raises:
            CacheError: The name is none, there is no room, or the file cannot be written.
        """
        path = self._path(name, owner)
        tensors = _tensors(snapshot)
        head = {"format": FORMAT, "owner": owner, "how": snapshot.trace.how, "layers": str(len(snapshot.layers))}
        head |= {"tokens": str(len(snapshot.trace)), "about": json.dumps(about, ensure_ascii=False)}
        needed = sum(tensor.nbytes for tensor in tensors.values())
        if needed > self.most:
            raise CacheError(
                f"{name!r} takes {needed / 1e6:.0f} MB, and all may take {self.most / 1e6:.0f} MB.",
                "Give a larger bound, or a shorter text.",
            )
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._draft(path) as draft:
                save_file(tensors, draft, {**head, "digest": _digest(head, tensors)})
        except (OSError, SafetensorError) as error:
            why = getattr(error, "strerror", None) or str(error).rstrip(".")
            raise CacheError(f"{path} cannot be written: {why}.", "Make room, or name another folder.") from error
        self._make_room(path)
        entry = _entry(path)
        if entry is None:
            raise CacheError(f"{path} was removed while it was written.", "Write it again.")
        return entry

    def get(self, name: str, owner: str) -> tuple[Snapshot, Mapping[str, Any]]:
        """Read a snapshot, and what was said about it; it counts as used now.

        Raises:
            MissingError: There is none.
            CacheError: It is damaged, or of another model.
        """
        path = self._path(name, owner)
        if not path.is_file():
            others = [entry for entry in self.entries() if entry.name == name]
            if others:
                raise CacheError(
                    f"{name!r} was read by another model, or by other versions.", "Read it with this one, or clear it."
                )
            raise MissingError(f"Nothing is kept as {name!r}.", "See: boldface cache list")
        snapshot, head = _read(path)
        if head["owner"] != owner:
            raise CacheError(f"{path} is of another model, or of other versions.", "Remove it.")
        with suppress(OSError):
            os.utime(path)
        return snapshot, json.loads(head["about"])

    def trace(self, entry: Entry) -> Trace:
        """Return what the keys and values of a file depend on, without reading them.

        Raises:
            CacheError: The file is damaged.
        """
        with _opened(entry.path) as (file, head):
            return Trace(
                tuple(file.get_tensor("tokens").tolist()), tuple(file.get_tensor("nats").tolist()), head["how"]
            )

    def remove(self, entry: Entry) -> None:
        """Remove a file.

        Raises:
            CacheError: It cannot be removed, or is somebody else's.
        """
        if entry.foreign:
            raise CacheError(f"{entry.path} was not written by boldface, so it stays.", "Remove it yourself.")
        try:
            entry.path.unlink(missing_ok=True)
        except OSError as error:
            raise CacheError(f"{entry.path} cannot be removed: {error.strerror or error}.") from error

    @staticmethod
    def check_name(name: str) -> None:
        """Refuse what is no name of an entry.

        Raises:
            CacheError: It is none.
        """
        if not _NAME.fullmatch(name):
            raise CacheError(f"{name!r} is no name.", "Use letters, digits, _ and -, at most 64 of them.")

    def _path(self, name: str, owner: str) -> Path:
        self.check_name(name)
        return self.folder / f"{name}.{owner[:8]}{_ENDING}"

    @contextmanager
    def _draft(self, path: Path) -> Iterator[Path]:
        """Give a file to write, and put it in place when all went well."""
        handle, written = tempfile.mkstemp(dir=self.folder, prefix=f".{path.name}.")
        os.close(handle)
        draft = Path(written)
        try:
            yield draft
            draft.chmod(0o600)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def _make_room(self, kept: Path) -> None:
        """Remove what was used longest ago, and drafts of processes that have died."""
        for draft in self.folder.glob(f".*{_ENDING}.*"):
            with suppress(OSError):
                if draft.stat().st_mtime < time.time() - _DRAFTS_LIVE:
                    draft.unlink()
        entries = [entry for entry in self.entries() if not entry.problem]  # what is not ours is not ours to remove
        size = sum(entry.size for entry in entries)
        for entry in reversed(entries):
            if size > self.most and entry.path != kept:
                self.remove(entry)
                size -= entry.size


def _tensors(snapshot: Snapshot) -> dict[str, Tensor]:
    tensors = {
        "tokens": torch.tensor(snapshot.trace.ids, dtype=torch.int64),
        "nats": torch.tensor(snapshot.trace.nats, dtype=torch.float64),
    }
    for layer, pair in enumerate(snapshot.layers):
        if pair is not None:
            tensors |= {f"{layer}.{part}": one[0].cpu().contiguous() for part, one in zip(_PARTS, pair, strict=True)}
    return tensors


_PARTS = ("keys", "values")


def _read(path: Path) -> tuple[Snapshot, dict[str, str]]:
    """Read a whole file and check it."""
    with _opened(path) as (file, head):
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
        said = head.pop("digest", "")
        if said != _digest(head, tensors):
            raise CacheError(f"{path} is damaged: its contents are not what was written.", "Remove it.")
        trace = Trace(tuple(tensors["tokens"].tolist()), tuple(tensors["nats"].tolist()), head["how"])
        pairs = ([tensors.get(f"{layer}.{part}") for part in _PARTS] for layer in range(int(head["layers"])))
        layers: Layers = tuple(None if k is None or v is None else (k[None], v[None]) for k, v in pairs)
        return Snapshot(trace, layers), head


def _entry(path: Path) -> Entry | None:
    """Look at the head of a file; None when it is gone meanwhile."""
    name = path.name.split(".")[0]
    try:
        stat = path.stat()
        size = stat.st_size, stat.st_mtime
        with _opened(path) as (_, head):
            about = json.loads(head["about"])
            return Entry(path, name, *size, head["owner"], int(head["tokens"]), about)
    except FileNotFoundError:
        return None
    except CacheError as error:
        foreign = _OURS.fullmatch(path.name) is None
        return Entry(path, path.name if foreign else name, *size, problem=error.message, foreign=foreign)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    """Open a file and check that it is one of ours; whatever cannot be understood in it is a CacheError."""
    try:
        with safe_open(path, framework="pt") as file:
            head = dict(file.metadata() or {})
            if (written := head.get("format", "")) != FORMAT:
                if written.startswith(_KIND):
                    raise CacheError(f"{path} was written by another version of boldface.", "Write it anew.")
                raise CacheError(f"{path} was not written by boldface.", "Move it elsewhere, or remove it.")
            yield file, head
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        if isinstance(error, CacheError):
            raise
        raise CacheError(f"{path} is damaged: {error}.", "Remove it.") from error


def _digest(head: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()
