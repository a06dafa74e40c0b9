"""The file of keys: what is stored, who is found, and that a file that cannot be trusted lets nobody in."""

from __future__ import annotations

import hmac
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.errors import KeyFileError, KeyRefusedError, LimitError
from boldface.server.keys import KeyRing


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    """A ring whose file is not there yet."""
    return KeyRing(tmp_path / "folder" / "keys.json")


def test_a_key_opens_and_another_does_not(ring: KeyRing):
    """Each key is found as its own, and nothing else is found."""
    anna, ben = ring.add("anna", {"spans": 3}), ring.add("ben")
    assert (ring.find(anna).name, ring.find(ben).name) == ("anna", "ben")
    assert ring.find(anna).limits == {"spans": 3}
    for stranger in ("", "bf-", anna[:-1], anna + "x", anna.upper(), ring.find(anna).digest, "\ud800", "anna"):
        with pytest.raises(KeyRefusedError):
            ring.find(stranger)


def test_the_file_holds_no_key(ring: KeyRing):
    """Neither a key nor a good part of it stands in the file, which is its owner's alone."""
    secret = ring.add("anna")
    content = ring.path.read_text("utf-8")
    assert not any(secret[start : start + 8] in content for start in range(len(secret) - 8))
    assert stat.S_IMODE(ring.path.stat().st_mode) == 0o600


def test_keys_are_long_and_never_the_same(ring: KeyRing):
    """Every key has 256 bits of its own."""
    secrets = [ring.add(f"key{number}") for number in range(20)]
    assert len(set(secrets)) == 20
    assert all(len(secret.removeprefix("bf-")) == 43 for secret in secrets)


def test_every_key_is_compared_in_constant_time(ring: KeyRing, monkeypatch: pytest.MonkeyPatch):
    """The first key's match ends the search no sooner than the last one's."""
    secrets = [ring.add(name) for name in ("first", "second", "third")]
    compared: list[str] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: (compared.append(a), real(a, b))[1])
    for secret in (*secrets, "bf-nobody"):
        compared.clear()
        try:
            ring.find(secret)
        except KeyRefusedError:
            assert secret == "bf-nobody"
        assert compared == [key.digest for key in ring.keys]


def test_a_removed_key_is_out_at_once(ring: KeyRing):
    """Another process that has the file open sees a removal, and an addition, with its next question."""
    secret = ring.add("anna")
    server = KeyRing(ring.path)
    assert server.find(secret).name == "anna"
    ring.remove("anna")
    with pytest.raises(KeyRefusedError):
        server.find(secret)
    assert server.find(ring.add("anna")).name == "anna"


def test_names_are_taken_once(ring: KeyRing):
    """A name that is there, one that is none, and one that is not there are all told."""
    ring.add("anna")
    with pytest.raises(KeyFileError, match="already"):
        ring.add("anna")
    for name in ("", "-x", "a b", "ä", "x" * 65, "a/b", "a\n"):
        with pytest.raises(KeyFileError, match="no name"):
            ring.add(name)
    with pytest.raises(KeyFileError, match="no key 'ben'"):
        ring.remove("ben")
    with pytest.raises(LimitError):
        ring.add("carl", {"spams": 1})
    assert [key.name for key in ring.keys] == ["anna"]


def test_several_who_write_lose_nothing(ring: KeyRing):
    """Keys made at the same time all stand in the file."""
    with ThreadPoolExecutor(8) as pool:
        secrets = list(pool.map(lambda number: KeyRing(ring.path).add(f"key{number}"), range(24)))
    assert {ring.find(secret).name for secret in secrets} == {f"key{number}" for number in range(24)}
    assert [path.name for path in ring.path.parent.iterdir() if path.name.startswith(".")] == []


def test_without_a_file_nobody_is_let_in(ring: KeyRing):
    """A file that is not there, or no longer, is an error and not an empty ring."""
    with pytest.raises(KeyFileError, match="cannot be read"):
        ring.find("bf-x")
    secret = ring.add("anna")
    ring.find(secret)
    ring.path.unlink()
    with pytest.raises(KeyFileError, match="cannot be read"):
        ring.find(secret)


ENTRY = {"name": "anna", "sha256": "0" * 64, "created": "2026-01-01", "limits": {}}
DAMAGED = [
    b"",
    b"{",
    b"\xff",
    b"[]",
    b"null",
    b"{}",
    b"[" * 100_000,
    *(
        json.dumps(page).encode()
        for page in (
            {"schema_version": 2, "keys": []},
            {"schema_version": 1},
            {"schema_version": 1, "keys": 3},
            {"schema_version": 1, "keys": [None]},
            {"schema_version": 1, "keys": [ENTRY, ENTRY]},
            *(
                {"schema_version": 1, "keys": [ENTRY | change]}
                for change in (
                    {"name": 1},
                    {"name": "a b"},
                    {"sha256": "0" * 63},
                    {"sha256": "G" * 64},
                    {"sha256": None},
                    {"created": 1},
                    {"limits": None},
                    {"limits": {"spans": "many"}},
                    {"limits": {"nonsense": 1}},
                )
            ),
        )
    ),
]


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: content[:60].decode("latin-1"))
def test_a_damaged_file_lets_nobody_in(ring: KeyRing, content: bytes):
    """Half a file, another version or a limit that is none: an error, again and again, and never a part of the keys."""
    secret = ring.add("ben")
    assert ring.find(secret)
    whole = ring.path.read_bytes()
    ring.path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(KeyFileError, match="no file of keys"):
            ring.find(secret)
    ring.path.write_bytes(whole)
    assert ring.find(secret).name == "ben"


@given(content=st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr))
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path_factory, content: bytes | str):
    """No content of a file is an error that nobody foresaw."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    with pytest.raises(KeyFileError):
        KeyRing(path).find("bf-x")
