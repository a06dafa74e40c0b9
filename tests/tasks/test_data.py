from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from boldface.errors import MissingError, TaskError
from boldface.tasks.data import Data, read_rows, shuffled

LINES = '{"a": 1}\n\n{"a": 2}\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.jsonl", LINES),
        ("rows.json", LINES),
        ("rows.json", '\n[{"a": 1}, {"a": 2}]\n'),
        ("rows.json", '{"a": 1}{"a": 2}'),
        ("rows.json", '{\n "a": 1\n}\n{\n "a": 2\n}'),
    ],
    ids=["lines", "lines called json", "list", "nothing between", "indented"],
)
def test_rows_are_read_however_they_are_written(tmp_path: Path, name: str, text: str):
    """What a file is called does not matter, nor what stands between its rows; packed files are the same."""
    plain, packed = tmp_path / name, tmp_path / f"{name}.gz"
    plain.write_text(text, "utf-8")
    packed.write_bytes(gzip.compress(text.encode()))
    assert read_rows(plain) == read_rows(packed) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("text", ['{"a": 1}\n{"a": 2\n', '{"a": 1}\nnot JSON'])
def test_a_damaged_file_is_told_with_its_line(tmp_path: Path, text: str):
    """The error names the file and the line from which it cannot be read."""
    (tmp_path / "rows.jsonl").write_text(text, "utf-8")
    with pytest.raises(TaskError, match=r"rows\.jsonl, line [23], is no JSON"):
        read_rows(tmp_path / "rows.jsonl")


@pytest.mark.parametrize(("name", "content"), [("rows.jsonl", b"\xff"), ("rows.jsonl.gz", b"no gzip")])
def test_a_file_that_is_no_text_is_told(tmp_path: Path, name: str, content: bytes):
    """Wrong bytes and a broken archive are errors with the file's name."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TaskError, match="cannot be read"):
        read_rows(tmp_path / name)


def test_the_first_name_that_is_there_is_found(tmp_path: Path):
    """Of several names the earlier one is preferred; where none is there, the error says all, and where to get it."""
    (tmp_path / "b").touch()
    assert Data(tmp_path).find(("a", "b"), what="Rows", published="rows.org") == tmp_path / "b"
    for data in (Data(tmp_path), Data(None)):
        with pytest.raises(MissingError, match="Rows") as caught:
            data.find(("c", "d"), what="Rows", published="rows.org")
        assert "c or d" in str(caught.value.hint) and "rows.org" in str(caught.value.hint)


def test_shuffling_depends_on_the_seed_alone():
    """The same rows and seed give the same order, another seed another; nothing is lost."""
    rows = list(range(100))
    assert shuffled(rows, "a") == shuffled(rows, "a") != shuffled(rows, "b")
    assert sorted(shuffled(rows, "a")) == rows
