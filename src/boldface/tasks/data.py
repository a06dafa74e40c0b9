"""Where the data sets lie, and a clear error when one is missing."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from boldface.errors import MissingError, TaskError

Row = TypeVar("Row")
_SPACE = re.compile(r"\s+")


class Data:
    """The data folder.

    Args:
        folder: Given by ``--data`` or ``BOLDFACE_DATA``; None when neither is set.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def find(self, names: Sequence[str], *, what: str, published: str) -> Path:
        """Return the first of some files that is there.

        Args:
            names: Paths inside the data folder, in order of preference.
            what: What the data set is called.
            published: Where its authors publish it.

        Raises:
            MissingError: None is there, or no folder was named.
        """
        wanted = " or ".join(names)
        if self.folder is None:
            raise MissingError(
                f"{what} needs a data folder.",
                f"Put {wanted} into a folder and name it with --data or BOLDFACE_DATA; published at {published}.",
            )
        for name in names:
            if (path := self.folder / name).is_file():
                return path
        raise MissingError(f"{what} is not in {self.folder}.", f"Put {wanted} there; published at {published}.")


def read_rows(path: Path) -> list[Any]:
    """Read a file of rows, gzipped or not: JSON documents, one a line or however they follow each other.

    Files called ``.json`` hold one list, one row a line, or (PASTA's) rows with nothing between them: a document that
    is a list stands for its items.

    Raises:
        TaskError: The file is no JSON, with the line.
    """
    opened = gzip.open if path.name.endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            text = file.read()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} cannot be read: {error}.", "Fetch the file again.") from error
    try:
        return [row for value in _documents(text) for row in (value if isinstance(value, list) else [value])]
    except json.JSONDecodeError as error:
        raise TaskError(f"{path}, line {error.lineno}, is no JSON: {error.msg}.", "Fetch the file again.") from error


def shuffled(rows: Sequence[Row], seed: str) -> list[Row]:
    """Return the rows in an order that depends on the seed alone, so that the first n of them are a fair sample."""
    order = list(rows)
    random.Random(seed).shuffle(order)
    return order


def _documents(text: str) -> Iterator[Any]:
    decode, place = json.JSONDecoder().raw_decode, len(text) - len(text.lstrip())
    while place < len(text):
        value, place = decode(text, place)
        yield value
        gap = _SPACE.match(text, place)
        place = gap.end() if gap else place
