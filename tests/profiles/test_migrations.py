"""Older profile files still load, and steer what they steered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.errors import HeadError
from boldface.profiles.heads import HeadGains
from boldface.profiles.migrations import LATEST, migrate
from boldface.profiles.profile import Profile
from boldface.profiles.schema import problem

NUMBERS = st.floats(-3, 3)
INDEX = st.integers(0, 40).map(str)
LAYER = st.dictionaries(INDEX, NUMBERS, max_size=4) | st.lists(st.integers(0, 40), max_size=4, unique=True)
FREE = st.dictionaries(st.text(max_size=5), st.none() | NUMBERS | st.text(max_size=5), max_size=3)
FIRST = st.fixed_dictionaries(
    {"name": st.text(), "model": st.text(), "gains": st.dictionaries(INDEX, LAYER, max_size=5)},
    optional={
        "strength": st.floats(-30, 30),
        "layers": st.none() | st.integers(41, 99),
        "heads": st.none() | st.integers(41, 99),
        "method": st.text(),
        "note": st.text(),
        "seed": st.none() | st.integers(),
        "trained_on": FREE,
        "version": st.integers(1, 9),
        "scores": FREE,
    },
)


@given(FIRST)
def test_a_first_profile_steers_the_same(content: dict[str, Any]) -> None:
    """Version 1: gains, strength and shape are kept, and what it was trained on stands among the settings."""
    assert problem({"schema_version": 1} | content, 1) is None
    assert problem({"schema_version": LATEST} | migrate(content, 1), LATEST) is None
    profile = Profile.from_json(json.dumps({"schema_version": 1} | content))
    assert profile.gains == HeadGains.from_layers(content["gains"])
    assert profile.strength == content.get("strength", Profile("", "", HeadGains()).strength)
    assert (profile.scope, profile.identity) == ("all", None)
    assert profile.settings == content.get("trained_on", {})
    for name in set(content) - {"gains", "trained_on"}:
        assert getattr(profile, name) == content[name]
    assert Profile.from_json(profile.to_json()) == profile


def test_a_migration_leaves_its_argument_alone() -> None:
    """The content that is handed in is not changed."""
    content = {"name": "a", "trained_on": {"x": 1}}
    assert migrate(content, 1) == {"name": "a", "settings": {"x": 1}}
    assert content == {"name": "a", "trained_on": {"x": 1}}


@pytest.mark.parametrize("name", ["settings", "identity", "scope"])
def test_a_first_profile_has_no_later_fields(name: str) -> None:
    """A file is judged by the schema of its own version."""
    content = {"schema_version": 1, "name": "a", "model": "b", "gains": {}, name: {}}
    with pytest.raises(HeadError, match=f"unknown fields: {name}"):
        Profile.from_json(json.dumps(content))


def test_a_newer_profile_is_refused_with_a_hint() -> None:
    """A version from the future is not guessed at."""
    with pytest.raises(HeadError, match=rf"schema_version {LATEST + 1}; this boldface reads 1 to {LATEST}") as caught:
        Profile.from_json(json.dumps({"schema_version": LATEST + 1}))
    assert "update boldface" in caught.value.hint
