"""Where files lie and whether the network may be asked: explicit arguments first, then the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from boldface.errors import BoldfaceError, MissingError

CACHE = "BOLDFACE_CACHE"
DATA = "BOLDFACE_DATA"
OFFLINE = "BOLDFACE_OFFLINE"
HUB_OFFLINE = "HF_HUB_OFFLINE"

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True)
class Settings:
    """Resolved settings; nothing of the environment is read after they are made.

    Attributes:
        cache: Folder of converted models and other rebuildable files; it need not exist yet.
        data: Folder of the data sets, or None when none was named; it exists.
        offline: Whether every network access is ruled out.
    """

    cache: Path
    data: Path | None
    offline: bool


def settings(
    *,
    cache: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
    env: Mapping[str, str] | None = None,
) -> Settings:
    """Resolve the settings: an argument beats its variable, a variable beats the platform's default.

    An empty variable counts as unset. ``BOLDFACE_OFFLINE`` beats ``HF_HUB_OFFLINE``, which is respected.

    Args:
        cache: Cache folder (``BOLDFACE_CACHE``; default: the platform's user cache folder).
        data: Data folder (``BOLDFACE_DATA``; default: none).
        offline: Offline switch (``BOLDFACE_OFFLINE``, then ``HF_HUB_OFFLINE``; default: False).
        env: The environment to read; ``os.environ`` when None.

    Raises:
        MissingError: The data folder does not exist.
        BoldfaceError: The cache is a file, or a switch is neither yes nor no.
    """
    found = os.environ if env is None else env
    return Settings(cache=_cache(cache, found), data=_data(data, found), offline=_offline(offline, found))


def _cache(given: str | os.PathLike[str] | None, env: Mapping[str, str]) -> Path:
    named = given or env.get(CACHE)
    path = _folder(named) if named else platformdirs.user_cache_path("boldface", appauthor=False)
    if path.exists() and not path.is_dir():
        raise BoldfaceError(f"The cache {path} is not a folder.", f"Name another one with cache=… or {CACHE}.")
    return path


def _data(given: str | os.PathLike[str] | None, env: Mapping[str, str]) -> Path | None:
    named = given or env.get(DATA)
    if not named:
        return None
    path = _folder(named)
    if not path.is_dir():
        raise MissingError(f"The data folder {path} does not exist.", f"Name an existing one with data=… or {DATA}.")
    return path


def _offline(given: bool | None, env: Mapping[str, str]) -> bool:
    if given is not None:
        return given
    for name in (OFFLINE, HUB_OFFLINE):
        word = env.get(name, "").strip().lower()
        if word in _YES:
            return True
        if word in _NO:
            return False
        if word:
            raise BoldfaceError(f"{name} is {env[name]!r}, which is neither yes nor no.", "Set it to 1 or 0.")
    return False


def _folder(named: str | os.PathLike[str]) -> Path:
    return Path(named).expanduser().absolute()
