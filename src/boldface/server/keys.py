"""Keys: who may use the server. A file holds what tells a key, never the key itself.

A key is 256 random bits, so one round of SHA-256 is enough: there is nothing to guess, and salt and slow hashes are
against guessing. The file is read again whenever it changes, so that a removed key is out at once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from boldface.errors import KeyFileError, KeyRefusedError, LimitError
from boldface.server.limits import RequestLimits

SCHEMA_VERSION = 1
PREFIX = "bf-"
"""Begins every key, so that people and leak scanners see what it is."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Key:
    """One key, as the file has it.

    Attributes:
        name: Whose it is; stands in logs.
        digest: SHA-256 of the key, in hexadecimal digits.
        created: When it was made, ISO 8601.
        limits: The limits that differ from the server's, by name.
    """

    name: str
    digest: str
    created: str
    limits: Mapping[str, Any] = field(default_factory=dict)


class KeyRing:
    """The keys of a file.

    Args:
        path: The file; it need not exist before the first key is added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._keys: tuple[Key, ...] = ()

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys as they are on file now.

        Raises:
            KeyFileError: The file is not there, or is damaged: then nobody is let in.
        """
        with self._lock:
            try:
                found = self.path.stat()
                stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
                if stamp != self._stamp:
                    self._keys = _parsed(self.path, self.path.read_bytes())
                    self._stamp = stamp
            except OSError as error:
                self._stamp = None
                raise KeyFileError(
                    f"The keys in {self.path} cannot be read: {error.strerror}.",
                    "Make a first one with: boldface keys add NAME",
                ) from error
            except KeyFileError:
                self._stamp = None
                raise
            return self._keys

    def find(self, secret: str) -> Key:
        """Return the key that this secret is.

        Every key on file is compared, each in constant time, so that the time taken tells nothing.

        Raises:
            KeyRefusedError: It is none of them.
            KeyFileError: The file cannot be read.
        """
        digest = _digest(secret)
        found = None
        for key in self.keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        if found is None:
            raise KeyRefusedError("This key is not on file.", "Ask whoever runs the server for one.")
        return found

    def add(self, name: str, limits: Mapping[str, Any] | None = None) -> str:
        """Make a key and return it; it is shown this once and stored nowhere.

        Raises:
            KeyFileError: The name is taken or no name, or the file cannot be written.
            LimitError: A limit is none.
        """
        if not _NAME.fullmatch(name):
            raise KeyFileError(
                f"{name!r} is no name of a key.", "Use up to 64 letters, digits, dots, hyphens and underscores."
            )
        own = dict(limits or {})
        RequestLimits().but(own)
        secret = PREFIX + secrets.token_urlsafe(32)
        with _writing(self.path):
            keys = self.keys if self.path.exists() else ()
            if any(key.name == name for key in keys):
                raise KeyFileError(f"There is a key {name!r} already.", "Remove it first, or choose another name.")
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self._write([*keys, Key(name, _digest(secret), now, own)])
        return secret

    def remove(self, name: str) -> None:
        """Take a key off the file; a running server refuses it from then on.

        Raises:
            KeyFileError: There is no such key, or the file cannot be written.
        """
        with _writing(self.path):
            keys = self.keys
            kept = [key for key in keys if key.name != name]
            if len(kept) == len(keys):
                raise KeyFileError(f"There is no key {name!r}.", "See: boldface keys list")
            self._write(kept)

    def _write(self, keys: list[Key]) -> None:
        """Replace the file at once, readable by its owner alone."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "keys": [
                {"name": key.name, "sha256": key.digest, "created": key.created, "limits": dict(key.limits)}
                for key in keys
            ],
        }
        handle, draft = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json.dumps(content, indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self.path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Have the file to oneself, its folder made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=10):
            yield
    except OSError as error:  # a lock that is not to be had is one too
        raise KeyFileError(f"The keys in {path} cannot be written: {error}.", "Name another file.") from error


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _parsed(path: Path, content: bytes) -> tuple[Key, ...]:
    try:
        page = json.loads(content)
        version = page["schema_version"]
        if version != SCHEMA_VERSION:
            raise ValueError(f"schema_version is {version!r}, this boldface reads {SCHEMA_VERSION}")
        keys = tuple(_key(entry) for entry in page["keys"])
        if len({key.name for key in keys}) != len(keys):
            raise ValueError("two keys have the same name")
    except LimitError as error:
        raise KeyFileError(f"{path} is no file of keys: {error.message}", error.hint) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise KeyFileError(f"{path} is no file of keys: {error}.", "Name one that boldface wrote.") from error
    return keys


def _key(entry: Mapping[str, Any]) -> Key:
    key = Key(entry["name"], entry["sha256"], entry["created"], entry["limits"])
    if not (_NAME.fullmatch(key.name) and _DIGEST.fullmatch(key.digest) and isinstance(key.created, str)):
        raise ValueError(f"{key.name!r} is no key")
    RequestLimits().but(key.limits)
    return key
