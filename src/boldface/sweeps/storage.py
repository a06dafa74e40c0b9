"""Where a study is kept: a file that machines may share, or a database by its URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from boldface.errors import BoldfaceError, SweepError


def storage(place: str, *, make: bool) -> BaseStorage:
    """Return a storage of Optuna's.

    Args:
        place: A file (a journal, which may lie on a shared file system), or the URL of a database.
        make: Whether to make the file where there is none.

    Raises:
        SweepError: There is no such file, or it is none.
    """
    if "://" in place:
        return RDBStorage(place)
    path = Path(place).expanduser()
    if path.is_dir():
        raise SweepError(f"{path} is a folder.", "Name a file, or the URL of a database.")
    if not make and not path.is_file():
        raise SweepError(f"There is no storage at {path}.", "Name the --storage of a sweep.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path)))


@contextmanager
def telling(place: str) -> Iterator[None]:
    """Say what is wrong with a storage, whatever library finds it.

    Raises:
        SweepError: Something is.
    """
    try:
        yield
    except BoldfaceError:
        raise
    except Exception as error:
        words = str(error).strip().splitlines() or [type(error).__name__]
        raise SweepError(
            f"The storage {place} cannot be used: {words[0]}",
            "Name a file, or a URL such as sqlite:///sweep.db or postgresql://user@host/base.",
        ) from error
