"""``boldface profiles``: lists and maps."""

from __future__ import annotations

import json

from boldface.profiles import catalogue
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile


def test_shipped_profiles_are_listed(boldface):
    """Every shipped profile has its line, with its model and the number of its heads."""
    listed = json.loads(boldface("profiles", "list", "--json").stdout)
    assert [one["name"] for one in listed] == list(catalogue.names())
    said = boldface("profiles", "list").stdout
    for one in listed:
        assert any(
            one["name"] in line and one["model"] in line and str(one["heads"]) in line for line in said.splitlines()
        )


def test_the_map_has_a_sign_for_every_head(boldface, tmp_path):
    """Up is turned to the emphasis, down away from it, filled is half of the largest gain or more."""
    gains = HeadGains({(0, 1): 1.0, (1, 0): -0.8, (1, 2): 0.2, (2, 2): -0.1})
    file = tmp_path / "mine.json"
    Profile("mine", "some model", gains, layers=3, heads=3, method="made [by hand]").save(file)
    said = boldface("profiles", "show", file).stdout
    assert [line.split() for line in said.splitlines() if line.strip()[:1].isdigit()] == [
        ["0", "·", "▲", "·"],
        ["1", "▼", "·", "▵"],
        ["2", "·", "·", "▿"],
    ]
    assert "4 (2 turned to the emphasis, 2 away from it)" in said
    assert "made [by hand]" in said


def test_a_bare_head_list_is_a_profile(boldface, tmp_path):
    """The reference implementation's ``{layer: [heads]}`` is mapped, as far as it reaches."""
    file = tmp_path / "heads.json"
    file.write_text('{"1": [2]}')
    said = boldface("profiles", "show", file).stdout
    assert [line.split() for line in said.splitlines() if line.strip()[:1].isdigit()] == [["0", *"···"], ["1", *"··▲"]]


def test_json_reads_back(boldface):
    """``--json`` prints the profile as a file holds it."""
    for name in catalogue.names():
        assert Profile.from_json(boldface("profiles", "show", name, "--json").stdout) == Profile.load(name)


def test_an_unknown_profile_is_refused(boldface):
    """A name that nothing ships under is an error that lists the names."""
    done = boldface("profiles", "show", "nobody")
    assert done.exit_code == 2
    assert all(name in done.stderr for name in catalogue.names())


def test_profiles_alone_shows_its_help(boldface):
    """Without a verb the help is shown, and no empty error."""
    result = boldface("profiles")

    assert "list" in result.stdout
    assert "" == result.stderr
