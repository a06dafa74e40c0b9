"""Forcing: the ways, the room that they need, and whether an answer can pass at all."""

from __future__ import annotations

import pytest

from boldface.emphasis.markup import parse
from boldface.errors import CheckError
from boldface.insight.diagnosis.checks import Called
from boldface.insight.diagnosis.forcing import TIMES, Force
from boldface.insight.diagnosis.setting import Setting, choose

SHOTS = [("Bo?", "baker"), ("Di?", "a judge")]


def test_every_way_is_a_change_of_its_own(model, known):
    """Examples, a beginning, and answers that are allowed; nothing where nothing is given."""
    setting = Setting(parse("Who is **Ann**?"), choose(model, known))
    ways = Force(SHOTS, "a n", ("nurse",)).ways
    shown, begun, allowed = (way.apply(setting) for way in ways)
    assert (shown.shots, begun.beginning, allowed.choices) == (tuple(SHOTS), "a n", ("nurse",))
    assert {way.cause for way in ways} == {"examples"}
    assert Force().ways == []


def test_there_is_room_for_the_longest_right_answer(model):
    """Counted in the model's own tokens, which are bytes here."""
    assert Force(SHOTS, choices=("x" * 30,)).room(model) >= TIMES * 30
    assert Force(beginning="a n").room(model) == 0


@pytest.mark.parametrize(("prompt", "written"), [("Who is **Ann**?", " nurse"), ("Who is **Ann**?\n", "nurse")])
def test_a_choice_passes_as_it_would_be_written(model, known, prompt, written):
    """Behind white space without a space of its own."""
    setting = Setting(parse(prompt), choose(model, known))
    check = Called(lambda answer: answer == written, "to the letter")
    assert Force(choices=("nurse",)).can_pass(model, setting, check)
    assert not Force(SHOTS, choices=("baker",)).can_pass(model, setting, check)
    assert Force([("Bo?", written)]).can_pass(model, setting, check)


def test_right_answers_force_nothing(model, known):
    """They show that the check can be passed, to the letter, and how much room that takes."""
    setting = Setting(parse("Who is **Ann**?"), choose(model, known))
    check = Called(lambda answer: answer == "Ann, a nurse", "to the letter")
    given = Force(SHOTS, right=("Ann, a nurse",))
    assert [way.says for way in given.ways] == [way.says for way in Force(SHOTS).ways]
    assert given.room(model) == TIMES * len("Ann, a nurse") > Force(SHOTS).room(model)
    assert given.can_pass(model, setting, check)
    assert not Force(SHOTS).can_pass(model, setting, check)
    with pytest.raises(CheckError, match="no text"):
        Force(right=(7,))


def test_an_example_is_a_pair():
    """Of texts."""
    with pytest.raises(CheckError, match="no pair"):
        Force([("a", 1)])
