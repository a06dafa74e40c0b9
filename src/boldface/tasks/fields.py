"""The fields that the rows of a data file must have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from boldface.errors import TaskError


def with_fields(path: Path, rows: Iterable[Any], *names: str) -> list[Mapping[str, Any]]:
    """Return the rows of a file.

    Raises:
        TaskError: A row lacks one of the fields.
    """
    found = list(rows)
    for number, row in enumerate(found, 1):
        if not isinstance(row, Mapping) or not row.keys() >= set(names):
            raise TaskError(f"{path}, row {number}, lacks one of {', '.join(names)}.", "Fetch the file again.")
    return found
