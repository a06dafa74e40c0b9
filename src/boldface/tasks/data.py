"""Where the data sets lie, and a clear error when one is missing."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from boldface.errors import MissingError, TaskError

Row = TypeVar("Row")


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
    """Read a file of rows, gzipped or not: JSON Lines, or one JSON document (then a list of it, or the document alone).

    Raises:
        TaskError: The file is no JSON, with the line.
    """
    opened = gzip.open if path.name.endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            text = file.read()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} cannot be read: {error}.", "Fetch the file again.") from error
    if ".jsonl" in path.name:
        return [_parsed(path, number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    whole = _parsed(path, 1, text)
    return whole if isinstance(whole, list) else [whole]


def shuffled(rows: Sequence[Row], seed: str) -> list[Row]:
    """Return the rows in an order that depends on the seed alone, so that the first n of them are a fair sample."""
    order = list(rows)
    random.Random(seed).shuffle(order)
    return order


def _parsed(path: Path, number: int, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise TaskError(f"{path}, line {number}, is no JSON: {error}.", "Fetch the file again.") from error
