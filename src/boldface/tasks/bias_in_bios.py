"""Bias in Bios (De-Arteaga et al. 2019), for those who have the file: it may not be passed on.

It is read as its authors' script makes it (``BIOS.pkl``) or as PASTA's script rewrites it (JSON rows). The rows are the
same but for where sentences end, which is a rule here and a parser's guess there.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from boldface.errors import TaskError
from boldface.metrics.words import sentences
from boldface.tasks.biographies import Biography, Source
from boldface.tasks.data import Data, read_rows
from boldface.tasks.fields import with_fields

_JSON = ("biosbias.json", "biasbios.json", "biasbios.jsonl")
_PICKLE = "BIOS.pkl"
_READ = 50_000
"""Rows of the pickle that PASTA reads."""
_NO_NAME = "Non-Residential"
_FEWEST_WORDS, _FEWEST_IN_SENTENCE = 10, 3
_TITLES = (
    "professor",
    "prof.",
    "prof",
    "doctor",
    "dr.",
    "dr",
    "mr.",
    "mr",
    "ms.",
    "ms",
    "mrs.",
    "mrs",
    "rev.",
    "rev",
    "pastor",
)


def _read(data: Data) -> list[Biography]:
    path = data.find(
        [f"{folder}{name}" for name in (*_JSON, _PICKLE) for folder in ("biasbios/", "")],
        what="Bias in Bios",
        published="github.com/microsoft/biosbias",
    )
    if path.name == _PICKLE:
        raw = with_fields(path, _pickled(path)[:_READ], "name", "raw", "title")
        rows = [row for row in map(rewritten, raw) if row is not None]
    else:
        names = ("id", "entity", "context", "attribute", "target_mediated")
        rows = [dict(row) for row in with_fields(path, read_rows(path), *names)]
    return list(_biographies(rows))


def rewritten(row: Mapping[str, Any]) -> dict[str, str] | None:
    """Rewrite a row of ``BIOS.pkl`` as PASTA's script does; None where it leaves the row out.

    Sentences of less than three words are dropped, and all names of the person become the first name. Kept are
    biographies of at least ten words that hold it once, or never (then ``About NAME:`` is put before them).
    """
    first, *_, last = row["name"]
    bio = " ".join(part for part in sentences(row["raw"]) if len(part.split()) >= _FEWEST_IN_SENTENCE)
    names = (" ".join(part for part in row["name"] if part), f"{first} {last}", last)
    titled = [
        f"{written} {name}"
        for name in names
        for title in _TITLES
        for written in (title, title.capitalize(), title.upper())
    ]
    for name in filter(None, (*titled, *names)):
        bio = bio.replace(name, first)
    bio = bio.strip("*• ")
    if first not in bio:
        bio = f"About {first}: {bio}"
    if first == _NO_NAME or bio.count(first) != 1 or len(bio.split()) < _FEWEST_WORDS:
        return None
    opening = sentences(bio)[0]
    attribute = opening[opening.index(first) + len(first) :].strip(".: ") if first in opening else opening
    key = "_".join(part for part in row["name"] if part)
    title = row["title"].replace("_", " ")
    return {"id": key, "entity": first, "context": bio, "attribute": attribute, "target_mediated": title}


def _biographies(rows: Iterable[Mapping[str, Any]]) -> Iterator[Biography]:
    seen: Counter[str] = Counter()
    for row in rows:
        name, context, attribute = str(row["id"]), row["context"], row["attribute"]
        if not attribute or attribute not in context:  # nothing to emphasise: PASTA's code stops at such a row
            continue
        key = f"{name}#{seen[name]}" if seen[name] else name
        seen[name] += 1
        yield Biography(key, name, row["entity"], context, sentences(context)[0], attribute, (row["target_mediated"],))


class _PlainUnpickler(pickle.Unpickler):
    """Reads lists, dictionaries, text and numbers; a pickle that wants to run anything is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it wants {module}.{name}")


def _pickled(path: Path) -> list[Any]:
    try:
        with path.open("rb") as file:
            rows = _PlainUnpickler(file, encoding="utf-8").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise TaskError(
            f"{path} is no plain list of rows: {error}.", "Use the file that its authors' script makes."
        ) from error
    if not isinstance(rows, list):
        raise TaskError(f"{path} is no list of rows.", "Use the file that its authors' script makes.")
    return rows


BIASBIOS = Source(
    "biasbios",
    "Bias in Bios",
    "Biographies from the web, as PASTA's script rewrites them; rows that share a name are one observation, as there.",
    _read,
)
