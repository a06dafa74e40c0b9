"""The store: append only, resumable after any cut, one writer, facts that must agree."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.errors import RecordError
from boldface.records.store import Store, key_of, read

FACTS = {"model": "m"}


def filled(path, count=3):
    with Store(path, FACTS) as store:
        store.append({"key": str(index), "value": index} for index in range(count))
    return path


def test_records_come_back_in_order(tmp_path):
    """What was appended is read back, after the facts."""
    facts, records = read(filled(tmp_path / "a.jsonl"))
    assert facts == FACTS
    assert [record["value"] for record in records] == [0, 1, 2]


def test_a_known_key_is_not_written_again(tmp_path):
    """The first record of a key stays, in memory and on disk."""
    path = filled(tmp_path / "a.jsonl")
    before = path.read_bytes()
    with Store(path, FACTS) as store:
        store.append([{"key": "1", "value": 99}])
        assert store.records["1"]["value"] == 1
    assert path.read_bytes() == before


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_cut_anywhere_loses_the_last_line_at_most(tmp_path_factory, data):
    """Killed at any byte, the file opens again, keeps its whole lines and takes new ones."""
    path = filled(tmp_path_factory.mktemp("cut") / "a.jsonl")
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")
    with Store(path, FACTS) as store:
        assert len(store.records) == max(0, whole - 1)
        store.append({"key": str(index), "value": index} for index in range(3))
    assert path.read_bytes() == content


def test_other_facts_are_refused(tmp_path):
    """Answers of another model never land in the same file, and the error names the difference."""
    path = filled(tmp_path / "a.jsonl")
    with pytest.raises(RecordError, match="model 'm', not 'other'"), Store(path, {"model": "other"}):
        pass


def test_one_writer_at_a_time(tmp_path):
    """A file that is open is refused to a second writer, and free again afterwards."""
    path = tmp_path / "a.jsonl"
    with Store(path, FACTS), pytest.raises(RecordError, match="another process"), Store(path, FACTS):
        pass
    with Store(path, FACTS):
        pass


def test_a_refused_file_is_left_alone_and_unlocked(tmp_path):
    """A file of something else is refused, unchanged, and not kept locked."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"hello": 1}\n')
    for _ in range(2):
        with pytest.raises(RecordError, match="no file of records"), Store(path, FACTS):
            pass
    assert path.read_text() == '{"hello": 1}\n'


@pytest.mark.parametrize(
    "content", [b"notes", b"\x89PNG\r\n\x1a\n\x00", b'{"schema_version":1,"facts":{"model":"other']
)
def test_a_file_of_something_else_is_never_cut(tmp_path, content):
    """What does not end in a line break may be torn, but only a file of these very facts is cut."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(RecordError), Store(path, FACTS):
        pass
    assert path.read_bytes() == content


def test_other_facts_leave_a_torn_file_alone(tmp_path):
    """A file that was killed while it was written is cut by its own run only."""
    path = filled(tmp_path / "a.jsonl")
    path.write_bytes(path.read_bytes()[:-2])
    before = path.read_bytes()
    with pytest.raises(RecordError, match="was made with"), Store(path, {"model": "other"}):
        pass
    assert path.read_bytes() == before


def test_places_that_cannot_be_written_are_told(tmp_path):
    """A folder, and a file in a file, are refused as a RecordError."""
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "a.jsonl"):
        with pytest.raises(RecordError, match="cannot be written"), Store(path, FACTS):
            pass


def test_numbers_are_finite(tmp_path):
    """What JSON has no word for is an error, and nothing of it is written."""
    path = filled(tmp_path / "a.jsonl")
    before = path.read_bytes()
    with Store(path, FACTS) as store, pytest.raises(RecordError, match="not finite"):
        store.append([{"key": "9", "value": 1.0}, {"key": "10", "value": float("nan")}])
    assert path.read_bytes() == before


def test_a_damaged_line_is_told(tmp_path):
    """A whole line that is no JSON is an error, never skipped."""
    path = filled(tmp_path / "a.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{", *lines[2:]]) + "\n")
    with pytest.raises(RecordError, match="no file of records"):
        read(path)


def test_another_schema_is_refused(tmp_path):
    """A file of a later schema is told by its number."""
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"schema_version": 99, "facts": {}}) + "\n")
    with pytest.raises(RecordError, match="schema_version 99"):
        read(path)


def test_keys_depend_on_content_alone():
    """The order of names does not matter to a key, every value does."""
    assert key_of(a=1, b=[2]) == key_of(b=[2], a=1)
    assert key_of(a=1, b=[2]) != key_of(a=1, b=[3])
