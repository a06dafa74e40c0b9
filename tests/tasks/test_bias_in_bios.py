from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest

from boldface.errors import TaskError
from boldface.tasks.bias_in_bios import BIASBIOS, rewritten
from boldface.tasks.data import Data

RAW = {
    "raw": "* Dr. Mary Ann Smith is a nurse in the city of Ohio, USA. Yes indeed. Dr. Smith likes walks by the sea.",
    "name": ("Mary", "Ann", "Smith"),
    "title": "software_engineer",
    "bio": "",
    "start_pos": 5,
}
ONCE = RAW | {"raw": "Dr. Mary Ann Smith is a nurse in the city of Ohio, USA. Yes indeed. She likes walks by the sea."}
ROW = {
    "id": "Mary_Ann_Smith",
    "entity": "Mary",
    "context": "Mary is a nurse in the city of Ohio, USA. She likes walks by the sea.",
    "attribute": "is a nurse in the city of Ohio, USA",
    "target_mediated": "software engineer",
}


def test_a_raw_row_is_rewritten_as_by_pasta():
    """Titles and names become the first name, short sentences go, the attribute follows the name, titles lose ``_``."""
    assert rewritten(ONCE) == ROW


def test_rows_that_pasta_leaves_out_are_left_out():
    """A name that stands twice, and a biography of less than ten words, are no rows."""
    assert rewritten(RAW) is None
    assert rewritten(RAW | {"raw": "Mary Smith is a nurse in Ohio."}) is None


def test_a_name_that_never_stands_is_put_before():
    """Without the name the biography begins with it."""
    row = rewritten(RAW | {"raw": "She is a nurse in the city of Ohio and likes long walks."})
    assert row is not None
    assert row["context"] == "About Mary: She is a nurse in the city of Ohio and likes long walks."
    assert row["attribute"] == "She is a nurse in the city of Ohio and likes long walks"


@pytest.mark.parametrize(
    "written",
    [
        json.dumps([ROW, ROW]),
        "\n".join([json.dumps(ROW)] * 2) + "\n",
        json.dumps(ROW) * 2,
        "\n\n".join([json.dumps(ROW, indent=1)] * 2),
    ],
    ids=["list", "lines", "nothing between", "indented"],
)
def test_rows_are_read_however_they_are_written(tmp_path: Path, written: str):
    """A list, lines, and PASTA's rows without anything between them are the same; names share the group."""
    (tmp_path / "biosbias.json").write_text(written, "utf-8")
    first, second = BIASBIOS.read(Data(tmp_path))
    assert (first.key, second.key) == ("Mary_Ann_Smith", "Mary_Ann_Smith#1")
    assert first.id == second.id
    assert first.first_sentence == "Mary is a nurse in the city of Ohio, USA."
    assert first.occupations == ("software engineer",)


def test_the_pickle_gives_the_same_rows(tmp_path: Path):
    """``BIOS.pkl`` is rewritten as it is read."""
    (tmp_path / "biasbios").mkdir()
    (tmp_path / "biasbios" / "BIOS.pkl").write_bytes(pickle.dumps([ONCE, RAW]))
    [bio] = BIASBIOS.read(Data(tmp_path))
    assert bio.context == ROW["context"]


class Harm:
    """Would run a command when it is unpickled."""

    def __reduce__(self) -> object:
        return os.system, ("echo harm > harmed",)


@pytest.mark.parametrize(
    "content", [pickle.dumps([Harm()]), pickle.dumps([Path("x")]), b"\x80\x04", b"", pickle.dumps({"name": "x"})]
)
def test_a_pickle_that_is_not_plain_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes):
    """Nothing in a pickle is run, and what is no list of rows is told."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "BIOS.pkl").write_bytes(content)
    with pytest.raises(TaskError, match=r"BIOS\.pkl"):
        BIASBIOS.read(Data(tmp_path))
    assert not (tmp_path / "harmed").exists()


def test_a_damaged_file_is_told(tmp_path: Path):
    """Text that is no JSON is an error with the file's name."""
    (tmp_path / "biosbias.json").write_text(json.dumps(ROW) + "{", "utf-8")
    with pytest.raises(TaskError, match="is no JSON"):
        BIASBIOS.read(Data(tmp_path))
