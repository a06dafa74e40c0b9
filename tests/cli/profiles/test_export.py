"""``boldface profiles export``: what others read."""

from __future__ import annotations

import json

import pytest

from boldface.profiles.head_files import read_head_file
from boldface.profiles.profile import Profile

GEMMA = Profile.load("gemma")


@pytest.mark.parametrize("format", ["list", "csv"])
def test_all_gains_come_out(boldface, format):
    """Formats with a place for gains have all of them."""
    assert read_head_file(boldface("profiles", "export", "gemma", "--format", format).stdout, "x") == GEMMA.gains


def test_a_profile_file_comes_out(boldface):
    """The format ``json`` is a profile file."""
    assert Profile.from_json(boldface("profiles", "export", "gemma", "--format", "json").stdout) == GEMMA


def test_the_reference_gets_a_head_set(boldface, tmp_path):
    """Gains other than 1 are refused with a hint, and a head set of the large ones is written."""
    refused = boldface("profiles", "export", "gemma", "--format", "reference")
    assert refused.exit_code == 2
    assert "--least 0.5" in refused.stderr
    out = tmp_path / "gemma.json"
    assert boldface("profiles", "export", "gemma", "--format", "reference", "--least", 0.5, "-o", out).stdout == ""
    large = {head for head, gain in GEMMA.gains.items() if gain >= 0.5}
    assert {(int(layer), head) for layer, heads in json.loads(out.read_text()).items() for head in heads} == large


def test_a_head_set_has_no_scores_of_the_gains(boldface):
    """What was measured with the gains is not said of the head set."""
    made = Profile.from_json(boldface("profiles", "export", "gemma", "--format", "json", "--least", 0.5).stdout)
    assert set(made.gains.values()) == {1.0}
    assert (made.scores, made.canaries) == ({}, ())
    assert made.identity == GEMMA.identity


def test_an_unwritable_file_is_told(boldface, tmp_path):
    """A folder that is not there."""
    assert boldface("profiles", "export", "gemma", "-o", tmp_path / "absent" / "x").exit_code == 2
