"""A file of records, JSON Lines: the facts first, then one record a line, only ever appended.

A process may be killed at any moment: half a last line is dropped when the file is opened again, and what stands there
is never computed twice, since every record has a key that says all that its content depends on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from boldface.errors import RecordError

SCHEMA_VERSION = 1


class Store:
    """An open file of records. Use as a context manager; a second process is refused while it is open.

    Args:
        path: The file; its folder is made.
        facts: What every record of the file depends on (model, versions, ...), JSON values.

    Raises:
        RecordError: The file holds other facts, another schema, damaged lines, or is open elsewhere.
    """

    def __init__(self, path: Path, facts: Mapping[str, Any]) -> None:
        self.path, self.facts = path, json.loads(json.dumps(facts))
        self.records: dict[str, dict[str, Any]] = {}
        self._lock = FileLock(f"{path}.lock", timeout=0)

    def __enter__(self) -> Store:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._open()
        except Timeout:
            raise RecordError(f"{self.path} is being written by another process.", "Wait for it.") from None
        except OSError as error:
            self._lock.release()
            raise RecordError(f"{self.path} cannot be written: {error}.", "Name another file.") from error
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def append(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Write records in one go; those whose ``key`` is there already are left out.

        Raises:
            RecordError: A record holds a number that is not finite.
        """
        fresh = {record["key"]: dict(record) for record in records if record["key"] not in self.records}
        if fresh:
            self._write("".join(_line(record) for record in fresh.values()))
            self.records |= fresh

    def _open(self) -> None:
        first = _line({"schema_version": SCHEMA_VERSION, "facts": self.facts})
        content = self.path.read_bytes() if self.path.exists() else b""
        if first.encode().startswith(content):  # nothing there, or killed before the first line was whole
            self._cut(0)
            self._write(first)
            return
        facts, records = _parsed(self.path, content)
        if facts != self.facts:
            said = ", ".join(
                f"{name} {facts.get(name)!r}, not {self.facts.get(name)!r}" for name in differing(facts, self.facts)
            )
            raise RecordError(f"{self.path} was made with {said}.", "Name another file, or go back to that.")
        self._cut(content.rfind(b"\n") + 1)
        self.records = {record["key"]: record for record in records}

    def _cut(self, length: int) -> None:
        if self.path.exists():
            os.truncate(self.path, length)

    def _write(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the facts and the whole records of a file, in the order in which they were written.

    Raises:
        RecordError: The file is no file of records.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error}.", "Name a file of records.") from error
    return _parsed(path, content)


def _parsed(path: Path, content: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    try:
        head, *records = (json.loads(line) for line in lines)
        version, facts = head["schema_version"], head["facts"]
        if any(not isinstance(record["key"], str) for record in records):
            raise TypeError("a key is no text")
    except (ValueError, TypeError, KeyError) as error:
        raise RecordError(f"{path} is no file of records: {error}.", "Name one that boldface wrote.") from error
    if version != SCHEMA_VERSION:
        raise RecordError(
            f"{path} has schema_version {version!r}; this boldface reads {SCHEMA_VERSION}.", "Use that boldface."
        )
    return facts, records


def differing(facts: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    """Return the names of the facts in which two files differ."""
    return sorted(name for name in facts.keys() | others.keys() if facts.get(name) != others.get(name))


def key_of(**content: Any) -> str:
    """Return the key of a record: a digest of all that its content depends on (JSON values)."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _line(record: Mapping[str, Any]) -> str:
    try:
        return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
    except ValueError as error:
        raise RecordError(
            f"A record holds a number that is not finite: {error}.",
            "The model overflows in this type of weights; try --dtype float32.",
        ) from error
