"""Files of keys and values: what is read is what was written, and nothing else is ever read."""

from __future__ import annotations

import json
import os
import stat
import time
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from boldface.engine.caches.latest import Snapshot
from boldface.engine.caches.shelf import FORMAT, Shelf
from boldface.errors import CacheError, MissingError
from boldface.steering.prefix_law import Trace

OWNER, OTHER = "a" * 32, "b" * 32


def snapshot(tokens=5, dtype=torch.float32, seed=0):
    """Keys and values of two layers, the second of which keeps none, and a third."""
    generator = torch.Generator().manual_seed(seed)
    pair = [torch.randn(1, 2, tokens, 3, generator=generator).to(dtype) for _ in range(2)]
    nats = tuple(0.0 if index % 2 else 1.5 for index in range(tokens))
    return Snapshot(Trace(tuple(range(tokens)), nats, "how"), ((pair[0], pair[1]), None, (pair[1] * 2, pair[0] - 1)))


def equal(one, other):
    """Whether two snapshots are the same, to the bit."""
    for a, b in zip(one.layers, other.layers, strict=True):
        if (a is None) != (b is None) or (a and not all(torch.equal(x, y) for x, y in zip(a, b, strict=True))):
            return False
    return one.trace == other.trace


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_read_is_what_was_written(tmp_path, dtype):
    """Bit by bit, in every type, with what was said about it; and a new one of the same name replaces it."""
    shelf, kept = Shelf(tmp_path / "new" / "folder"), snapshot(dtype=dtype)
    entry = shelf.put("contract", kept, owner=OWNER, about={"title": "Vertrag “A”"})
    assert (entry.name, entry.tokens, entry.about, entry.problem) == ("contract", 5, {"title": "Vertrag “A”"}, "")
    got, about = shelf.get("contract", OWNER)
    assert equal(got, kept)
    assert about == {"title": "Vertrag “A”"}
    shelf.put("contract", snapshot(7), owner=OWNER, about={})
    assert equal(shelf.get("contract", OWNER)[0], snapshot(7))
    assert len(shelf.entries()) == 1


def test_only_its_owner_may_read_it(tmp_path):
    """Keys and values tell the text: neither folder nor file is for others."""
    shelf = Shelf(tmp_path / "kept")
    path = shelf.put("a", snapshot(), owner=OWNER, about={}).path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_is_not_there_or_anothers_is_refused(tmp_path):
    """A missing name, another model's file, and one that was given this model's name."""
    shelf = Shelf(tmp_path)
    with pytest.raises(MissingError, match="Nothing is kept"):
        shelf.get("a", OWNER)
    path = shelf.put("a", snapshot(), owner=OTHER, about={}).path
    with pytest.raises(CacheError, match="another model"):
        shelf.get("a", OWNER)
    path.rename(path.with_name(path.name.replace(OTHER[:8], OWNER[:8])))
    with pytest.raises(CacheError, match="another model"):
        shelf.get("a", OWNER)


@pytest.mark.parametrize("name", ["", "a b", "../a", "a/b", ".hidden", "x" * 65, "a.b", "ä"])
def test_names_are_names(tmp_path, name):
    """Nothing that could be a path, or hide, is one."""
    for act in (
        lambda: Shelf(tmp_path).get(name, OWNER),
        lambda: Shelf(tmp_path).put(name, snapshot(), owner=OWNER, about={}),
    ):
        with pytest.raises(CacheError, match="no name"):
            act()
    assert not any(tmp_path.iterdir())


@settings(max_examples=150)
@given(data=st.data())
def test_no_damage_goes_unseen(tmp_path_factory, data):
    """Whatever byte is changed, wherever it is cut, whatever is put there: refused, and listed with the reason."""
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    path = shelf.put("a", snapshot(), owner=OWNER, about={"n": 1}).path
    whole = path.read_bytes()
    kind = data.draw(st.sampled_from(["changed", "cut", "longer", "other"]))
    at = data.draw(st.integers(0, len(whole) - 1))
    if kind == "changed":
        damaged = bytearray(whole)
        damaged[at] ^= data.draw(st.integers(1, 255))
    else:
        damaged = {"cut": whole[:at], "longer": whole + b"x", "other": data.draw(st.binary(max_size=64))}[kind]
    path.write_bytes(bytes(damaged))
    with pytest.raises(CacheError):
        shelf.get("a", OWNER)
    assert [entry.path for entry in shelf.entries()] == [path]


def test_a_file_of_somebody_else_is_none_of_ours(tmp_path):
    """Weights of a model, and a file that only claims to be ours, are refused and listed."""
    shelf = Shelf(tmp_path)
    save_file({"weight": torch.zeros(3)}, tmp_path / f"a.{OWNER[:8]}.safetensors")
    claims = {"format": FORMAT, "owner": OWNER, "how": "", "layers": "1", "tokens": "3", "about": "{}", "digest": "0"}
    save_file({"weight": torch.zeros(3)}, tmp_path / f"b.{OWNER[:8]}.safetensors", claims)
    for name in "ab":
        with pytest.raises(CacheError):
            shelf.get(name, OWNER)
    assert {entry.name: bool(entry.problem) for entry in shelf.entries()} == {"a": True, "b": False}


def test_what_was_not_used_goes_first(tmp_path):
    """The bound holds, reading counts as use, and what is being put there stays."""
    size = Shelf(tmp_path).put("a", snapshot(50), owner=OWNER, about={}).size
    shelf = Shelf(tmp_path, most=2 * size + size // 2)
    shelf.put("b", snapshot(50), owner=OWNER, about={})
    for age, name in ((90, "a"), (60, "b")):
        then = time.time() - age
        os.utime(shelf.folder / f"{name}.{OWNER[:8]}.safetensors", (then, then))
    shelf.get("a", OWNER)
    shelf.put("c", snapshot(50), owner=OWNER, about={})
    assert {entry.name for entry in shelf.entries()} == {"a", "c"}
    with pytest.raises(CacheError, match="MB"):
        Shelf(tmp_path, most=100).put("d", snapshot(50), owner=OWNER, about={})
    assert sorted(entry.name for entry in shelf.entries()) == ["a", "c"]


FULL = OSError(28, "No space left on device"), SafetensorError("I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
def test_a_writer_that_dies_leaves_nothing(tmp_path, monkeypatch, error):
    """A file is there as a whole or not at all, and what dead writers left is cleared away in time."""
    shelf = Shelf(tmp_path)
    kept = shelf.put("a", snapshot(), owner=OWNER, about={}).path.read_bytes()
    monkeypatch.setattr("boldface.engine.caches.shelf.save_file", partial(_fail, error))
    with pytest.raises(CacheError, match=r"cannot be written: .*No space left"):
        shelf.put("a", snapshot(9), owner=OWNER, about={})
    monkeypatch.undo()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [kept]
    old, new = (tmp_path / f".z.{OWNER[:8]}.safetensors.{end}" for end in ("old", "new"))
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    shelf.put("b", snapshot(), owner=OWNER, about={})
    assert (old.exists(), new.exists()) == (False, True)


def _fail(error, tensors, path, metadata):
    path.write_bytes(b"half")
    raise error


def test_remove(tmp_path):
    """A removed file is gone; one that is gone already may be removed again."""
    shelf = Shelf(tmp_path)
    entry = shelf.put("a", snapshot(), owner=OWNER, about={})
    shelf.remove(entry)
    shelf.remove(entry)
    assert shelf.entries() == []


def test_files_hold_numbers_alone(tmp_path):
    """Other tools can read them: safetensors, and JSON in the head."""
    path = Shelf(tmp_path).put("a", snapshot(), owner=OWNER, about={"n": 1}).path
    assert set(load_file(path)) == {"tokens", "nats", "0.keys", "0.values", "2.keys", "2.values"}
    head = path.read_bytes()
    size = int.from_bytes(head[:8], "little")
    assert json.loads(json.loads(head[8 : 8 + size])["__metadata__"]["about"]) == {"n": 1}


def test_a_file_that_is_not_ours_by_name_is_left(tmp_path):
    """Weights of a model in the folder are listed by their whole name, and nobody removes them through a shelf."""
    shelf = Shelf(tmp_path)
    ours = shelf.put("a", snapshot(), owner=OWNER, about={}).path
    weights = tmp_path / "model-00001-of-00002.safetensors"
    save_file({"weight": torch.zeros(3)}, weights)
    entries = {entry.name: entry for entry in shelf.entries()}
    assert {name: entry.foreign for name, entry in entries.items()} == {weights.name: True, "a": False}
    with pytest.raises(CacheError, match="stays"):
        shelf.remove(entries[weights.name])
    assert weights.exists()
    ours.write_bytes(b"cut")
    assert [entry.foreign for entry in shelf.entries() if entry.path == ours] == [False]


def test_another_version_says_so(tmp_path):
    """It is told apart from what is nobody's."""
    shelf = Shelf(tmp_path)
    said = {"format": "boldface keys and values 0"}
    save_file({"tokens": torch.zeros(3)}, tmp_path / f"a.{OWNER[:8]}.safetensors", said)
    assert [entry.problem for entry in shelf.entries() if "another version" in entry.problem]
    with pytest.raises(CacheError, match="another version"):
        shelf.get("a", OWNER)


def test_room_is_not_made_of_what_is_not_ours(tmp_path):
    """A folder may hold somebody's weights: they stay, however full it is."""
    weights = tmp_path / "model-00001-of-00002.safetensors"
    save_file({"weight": torch.zeros(5000)}, weights)
    os.utime(weights, (1, 1))
    shelf = Shelf(tmp_path, most=3000)
    shelf.put("a", snapshot(), owner=OWNER, about={})
    assert weights.exists()
    assert shelf.get("a", OWNER)
