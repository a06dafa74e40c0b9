"""``boldface profiles list``: shipped profiles, and one's own."""

from __future__ import annotations

import json

from boldface.profiles import catalogue
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile


def test_shipped_profiles_are_listed(boldface):
    """Every shipped profile has its line, with its model and the number of its heads."""
    listed = json.loads(boldface("profiles", "list", "--json").stdout)
    assert [one["source"] for one in listed] == list(catalogue.names())
    said = boldface("profiles", "list").stdout
    for one in listed:
        assert any(
            one["name"] in line and one["model"] in line and str(one["heads"]) in line for line in said.splitlines()
        )


def test_ones_own_profiles_are_listed_by_file(boldface, tmp_path, own):
    """Those of the platform's folder, or of another one that is named; what is no profile is told and left out."""
    own.mkdir(parents=True)
    for folder in (own, tmp_path):
        Profile("mine [red]", "M", HeadGains([(0, 1)]), scope="answer").save(folder / "mine.json")
    (tmp_path / "other.json").write_text("[]")
    done = boldface("profiles", "list", "--folder", tmp_path, "--json")
    assert json.loads(done.stdout)[-1] == {
        "source": str(tmp_path / "mine.json"),
        "name": "mine [red]",
        "model": "M",
        "heads": 1,
        "strength": Profile("", "", HeadGains()).strength,
        "scope": "answer",
    }
    assert "other.json" in done.stderr
    assert json.loads(boldface("profiles", "list", "--json").stdout)[-1]["source"] == str(own / "mine.json")


def test_a_folder_that_is_not_there_is_told(boldface, tmp_path):
    """A folder that was named and is missing is an error; one's own may be missing."""
    assert boldface("profiles", "list", "--folder", tmp_path / "absent").exit_code == 2
    assert boldface("profiles", "list").exit_code == 0
