"""``boldface profiles import``: head lists become profiles."""

from __future__ import annotations

import json

import pytest

from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile


@pytest.fixture
def heads(tmp_path):
    """The reference implementation's file for the tiny model."""
    file = tmp_path / "pasta.json"
    file.write_text('{"0": [1], "1": [0, 3]}')
    return file


def test_a_list_becomes_a_profile_of_a_model(boldface, heads, tmp_path, tiny):
    """Gains, the paper's strength, and the identity of the model that is named; it steers that model."""
    out = tmp_path / "mine.json"
    done = boldface("profiles", "import", heads, "--name", "mine", "--model", tiny, "-o", out)
    assert done.exit_code == 0, done.stderr
    profile = Profile.load(out)
    assert profile.gains == HeadGains([(0, 1), (1, 0), (1, 3)])
    assert (profile.name, profile.strength, profile.layers, profile.heads) == ("mine", pytest.approx(4.605, 1e-3), 2, 4)
    assert profile.model == profile.identity.origin == tiny.name
    assert profile.method == "imported from pasta.json"
    steered = boldface("generate", "--model", tiny, "--heads", out, "--max-new-tokens", 2, "--json", "**Hi** there.")
    assert json.loads(steered.stdout)["steered"]["heads"] == {"L0H1": 1.0, "L1H0": 1.0, "L1H3": 1.0}
    assert "Note:" not in steered.stderr


def test_without_a_model_it_is_tied_to_none(boldface, heads, own):
    """It lands among one's own profiles, under the file's name, and the note says that any model takes it."""
    done = boldface("profiles", "import", heads, "--factor", 10)
    assert "any model" in done.stderr
    profile = Profile.load(own / "pasta.json")
    assert profile.identity is None
    assert profile.strength == pytest.approx(2.3026, 1e-4)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"3": [0, 1]}', "count from 0|heads before layers|Name the model"),
        ('{"0": [1], "0": [2]}', "a key stands there twice"),
        ("[0, 1]", "whole layers"),
        ("", "names no head"),
    ],
)
def test_what_the_model_does_not_have_is_refused(boldface, heads, tmp_path, tiny, content, says):
    """Nothing is written, and the hint says what the file seems to mean."""
    import re

    heads.write_text(content)
    done = boldface("profiles", "import", heads, "--model", tiny, "-o", tmp_path / "out.json")
    assert done.exit_code == 2
    assert re.search(says, done.stderr)
    assert not (tmp_path / "out.json").exists()


def test_a_name_that_is_a_path_needs_a_file(boldface, heads, own):
    """A name is no way out of the folder."""
    done = boldface("profiles", "import", heads, "--name", "../../mine")
    assert done.exit_code == 2
    assert "--out" in done.stderr
    assert not own.exists()
