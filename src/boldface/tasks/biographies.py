"""Short biographies with a name and an occupation, and wikibios, the open set of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from boldface.tasks.data import Data, read_rows, shuffled
from boldface.tasks.fields import with_fields
from boldface.tasks.split import Split, split_of


@dataclass(frozen=True)
class Biography:
    """A person in a few sentences.

    Attributes:
        key: Unique in its data set.
        id: Of the row; in Bias in Bios people of one name share it, as in PASTA.
        entity: How the person is called.
        context: The biography; the entity stands in it.
        first_sentence: The one that tells the occupation, as it stands in the context.
        attribute: What the first sentence says of the entity, as it stands in the context.
        occupations: Those that are right, the main one first.
    """

    key: str
    id: str
    entity: str
    context: str
    first_sentence: str
    attribute: str
    occupations: tuple[str, ...]

    @property
    def rest(self) -> str:
        """What follows the first sentence, the space before it included."""
        return self.context[self.context.index(self.first_sentence) + len(self.first_sentence) :]


@dataclass(frozen=True)
class Source:
    """A data set of biographies.

    Attributes:
        name: Of the data set; its splits depend on it.
        title: As the report says it.
        says: What it is, one or two sentences.
        read: Reads all of it.
    """

    name: str
    title: str
    says: str
    read: Callable[[Data], list[Biography]]


def biographies(source: Source, data: Data, split: Split) -> list[Biography]:
    """Return the biographies of a split in their fixed order.

    Raises:
        MissingError: The file is not there.
        TaskError: The file cannot be read.
    """
    return of_split(source.read(data), source, split)


def of_split(everyone: list[Biography], source: Source, split: Split) -> list[Biography]:
    """Return those of the biographies that are of a split, in their fixed order."""
    return shuffled([bio for bio in everyone if split_of(source.name, bio.id) == split], f"{source.name}:{split}")


def _wikibios(data: Data) -> list[Biography]:
    path = data.find(
        ("wikibios/wikibios.jsonl.gz", "wikibios.jsonl.gz", "wikibios.jsonl"),
        what="wikibios",
        published="github.com/Alab-NII/2wikimultihop and github.com/natbolon/wiki-gender, whose texts it is made of",
    )
    names = ("id", "entity", "context", "first_sentence", "attribute", "target", "all_occupations")
    return [_of_wikipedia(row) for row in with_fields(path, read_rows(path), *names)]


def _of_wikipedia(row: Mapping[str, Any]) -> Biography:
    entity, context, key = row["entity"], row["context"], str(row["id"])
    if entity not in context:
        context = f"About {entity}: {context}"  # as PASTA's script does with Bias in Bios
    occupations = tuple(dict.fromkeys((row["target"], *row["all_occupations"])))
    return Biography(key, key, entity, context, row["first_sentence"], row["attribute"], occupations)


WIKIBIOS = Source(
    "wikibios",
    "wikibios",
    "Biographies from Wikipedia, an open stand-in for Bias in Bios; every occupation that the first sentence names is "
    "right.",
    _wikibios,
)
