"""The recommended point in a profile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boldface.engine.heads import select_heads
from boldface.errors import SweepError
from boldface.profiles.profile import Profile
from boldface.profiling import canaries
from boldface.profiling.laboratory import Budget
from boldface.sweeps.outcome import Outcome
from boldface.sweeps.run import prove, recommend, search
from boldface.sweeps.writing import at_point, check_place


@pytest.fixture
def outcome(sweep):
    """A sweep whose first point is taken, whatever it does."""
    with sweep(sampler="grid", budget=Budget(None, 2), most_divergence=99.0) as opened:
        plain, tried = search(opened)
        recommend(opened, plain, tried)
        prove(opened, tried[0].point, "proof")
        opened.study.keep("choice", {"number": tried[0].number, "why": "It was first.", "objections": {}})
        return replace(Outcome.of(opened.study), refuted={})


def test_the_profile_steers_as_the_point_does(outcome, model, profile, tmp_path):
    """Its largest gains, its strength and scope, canaries measured with these; it is read back, and fits the model."""
    base = Profile(
        "mine", "tiny", profile.gains, 5.0, identity=model.identity, scores={"plain": {"json": 0.1}}, version=3
    )
    written = at_point(model, base, profile, outcome, "other")
    written.save(tmp_path / "p.json")
    read = Profile.load(tmp_path / "p.json")
    point = outcome.chosen.point
    selected = select_heads(model.model, tmp_path / "p.json", model.tokenizer)
    assert (selected.strength, selected.scope) == (point.strength, point.scope)
    assert selected.gains == profile.gains.top(point.heads)
    assert (read.name, read.version, read.identity) == ("mine", 4, base.identity)
    assert read.canaries == canaries.measure(model, selected.gains, point.strength, point.scope)
    assert set(read.scores) == {"plain", "steered", "other span", "random heads", "split"}
    assert read.settings["scores before"] == base.scores
    assert read.settings["sweep"]["why"] == "It was first."


def test_heads_named_by_hand_become_a_profile(outcome, model, profile):
    """With the model's identity and the given name."""
    written = at_point(model, None, profile, outcome, "new")
    assert (written.name, written.version, written.identity) == ("new", 1, model.identity)


def test_nothing_is_written_without_a_recommendation(outcome, model, profile):
    """And why is told."""
    with pytest.raises(SweepError, match="nothing to write: It was first"):
        at_point(model, None, profile, replace(outcome, chosen=None), "new")


def test_what_its_proof_refutes_is_written_by_force_alone(outcome, model, profile):
    """With what speaks against it in the error, and in the profile."""
    refuted = replace(outcome, refuted={"proof": ["json falls from 50% to 10%"]})
    with pytest.raises(SweepError, match="json falls") as caught:
        at_point(model, None, profile, refuted, "new")
    assert "--force-write" in caught.value.hint
    written = at_point(model, None, profile, refuted, "new", force=True)
    assert written.settings["sweep"]["refuted"] == refuted.refuted


def test_scores_say_which_rows_they_are_of(outcome, model, profile):
    """Where the time was up before its proof, they are of the rows that chose the point."""
    assert at_point(model, None, profile, outcome, "new").scores["split"] == "validation"
    plain = {"plain": outcome.parts["proof"]["plain"]}
    for parts in ({}, {"proof": plain}):
        scores = at_point(model, None, profile, replace(outcome, parts=parts), "new").scores
        assert scores["split"] == "validation, the rows that chose the point"
        assert set(scores) == {"plain", "steered", "split"}


def test_a_file_of_something_else_stays(tmp_path):
    """What is no profile is not written over, and what would not be read as one is no name."""
    other = tmp_path / "other.json"
    other.write_text('{"a": 1}')
    for place in (other, tmp_path / "profile.txt"):
        with pytest.raises(SweepError):
            check_place(place)
    check_place(tmp_path / "new.json")
