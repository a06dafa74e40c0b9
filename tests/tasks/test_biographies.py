from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import pytest

from boldface.errors import MissingError, TaskError
from boldface.tasks.biographies import WIKIBIOS, biographies
from boldface.tasks.data import Data
from boldface.tasks.split import SPLITS

ROW = {
    "id": 7,
    "entity": "Jim Bob",
    "context": "Jim Bob (born 1960) is a British musician and author. He sang.",
    "first_sentence": "Jim Bob (born 1960) is a British musician and author.",
    "attribute": "a British musician and author",
    "target": "musician",
    "all_occupations": ["author", "musician"],
}


def folder(path: Path, *rows: object) -> Data:
    (path / "wikibios.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return Data(path)


def test_a_row_becomes_a_biography(tmp_path: Path):
    """The main occupation stands first, the others follow once each; the rest is what follows the first sentence."""
    [bio] = WIKIBIOS.read(folder(tmp_path, ROW))
    assert (bio.key, bio.entity, bio.occupations) == ("7", "Jim Bob", ("musician", "author"))
    assert bio.rest == " He sang."


def test_a_name_that_is_not_in_the_text_is_put_before_it(tmp_path: Path):
    """As in PASTA's rows the entity stands in every biography."""
    [bio] = WIKIBIOS.read(folder(tmp_path, ROW | {"entity": "James Bob"}))
    assert bio.context == f"About James Bob: {ROW['context']}"


@pytest.mark.parametrize("row", [{"id": 1}, ["id"], 3])
def test_a_row_without_its_fields_is_refused_with_its_number(tmp_path: Path, row: object):
    """What a row lacks is told with its number, never guessed."""
    with pytest.raises(TaskError, match="row 2"):
        WIKIBIOS.read(folder(tmp_path, ROW, row))


def test_a_missing_file_is_told_by_name(tmp_path: Path):
    """The error names the file and the option."""
    with pytest.raises(MissingError, match=r"wikibios\.jsonl\.gz"):
        WIKIBIOS.read(Data(tmp_path))
    with pytest.raises(MissingError, match="BOLDFACE_DATA"):
        WIKIBIOS.read(Data(None))


def test_splits_part_the_rows_and_keep_their_order(tmp_path: Path):
    """Every row is of one split; a second reading gives the same order, which is not that of the file."""
    data = folder(tmp_path, *(ROW | {"id": number} for number in range(200)))
    parts = {split: [bio.key for bio in biographies(WIKIBIOS, data, split)] for split in SPLITS}
    assert sorted(chain.from_iterable(parts.values()), key=int) == [str(number) for number in range(200)]
    assert parts == {split: [bio.key for bio in biographies(WIKIBIOS, data, split)] for split in SPLITS}
    assert parts["train"] != sorted(parts["train"], key=int)


def test_real_biographies_hold_what_they_should(data: Data):
    """In all 1980 rows entity, first sentence and attribute stand word for word in the text, in this order."""
    found = WIKIBIOS.read(data)
    assert len(found) == len({bio.key for bio in found}) == 1980
    for bio in found:
        assert bio.entity in bio.context
        assert bio.attribute in bio.first_sentence
        assert bio.context.endswith(bio.first_sentence + bio.rest)
