"""``boldface keys``: made, listed, removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boldface.server.keys import KeyRing


@pytest.fixture
def keys(boldface, tmp_path: Path):
    """Run a verb on a file of keys."""
    path = tmp_path / "keys.json"

    def run(verb: str, *words: object):
        return boldface("keys", verb, "--keys", path, *words)

    run.path = path
    return run


def test_a_key_is_printed_once_and_alone(keys):
    """Standard output is the key, so that it can be piped; what it is and where it is on file is said beside it."""
    made = keys("add", "anna", "--tokens", 100, "--no-emphasis")
    assert made.exit_code == 0
    found = KeyRing(keys.path).find(made.stdout.strip())
    assert (found.name, found.limits) == ("anna", {"tokens": 100, "may_emphasise": False})
    assert str(keys.path) in made.stderr and made.stdout.strip() not in made.stderr


def test_keys_are_listed_without_what_opens(keys):
    """Names and limits, for people and for programs."""
    secret = keys("add", "anna", "--at-once", 2).stdout.strip()
    keys("add", "ben")
    shown, listed = keys("list"), json.loads(keys("list", "--json").stdout)
    assert [(key["name"], key["limits"]) for key in listed] == [("anna", {"at_once": 2}), ("ben", {})]
    assert "anna" in shown.stdout and "at_once 2" in shown.stdout
    digest = KeyRing(keys.path).find(secret).digest
    assert secret not in shown.stdout and digest not in shown.stdout + json.dumps(listed)


def test_a_removed_key_is_gone(keys):
    """And a second removal is told."""
    keys("add", "anna")
    assert keys("remove", "anna").exit_code == 0
    assert json.loads(keys("list", "--json").stdout) == []
    again = keys("remove", "anna")
    assert (again.exit_code, again.stdout) == (2, "") and "no key 'anna'" in again.stderr


@pytest.mark.parametrize(
    "words",
    [("add", "anna b"), ("add", "anna", "--tokens", 0), ("add", "anna", "--strength", "nan"), ("list",), ("add",)],
)
def test_what_cannot_be_done_is_two_lines(keys, words):
    """No name, no limit, no file: what is wrong and what to do, and no file is made."""
    done = keys(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 2
    assert not keys.path.exists()
