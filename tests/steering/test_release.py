"""Releases: two marks, a number of tokens, and nothing in between."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis.strategies import composite, floats, integers, lists

from boldface.errors import StrengthError
from boldface.steering.release import LOOKED, Release, Released, as_release, looked
from boldface.steering.tally import Tally

shares = floats(0, 1)


@composite
def releases(draw):
    """Marks of every kind."""
    lower, upper = sorted((draw(shares), draw(shares)))
    return Release(upper, lower, draw(integers(1, 5)))


def written_out(release, masses):
    """The levels that follow from masses, by the two lines of the documentation."""
    levels, lifting, since = [], True, 0
    for place, mass in enumerate(masses):
        last = masses[max(since, place + 1 - release.tokens) : place + 1]
        if lifting and len(last) == release.tokens and min(last) >= release.upper:
            lifting = False
        elif not lifting and mass < release.lower:
            lifting, since = True, place + 1
        levels.append(float(lifting))
    return levels


@given(releases(), lists(shares, max_size=40))
def test_levels_follow_the_two_marks(release, masses):
    """Released after so many tokens at the upper mark or above, lifted again below the lower one."""
    released = Released(release)
    assert [released.take(mass) for mass in masses] == written_out(release, masses)


def test_between_the_marks_nothing_changes():
    """A mass between the marks releases nobody and lifts nobody."""
    released = Released(Release(0.5, 0.2, 1))
    assert [released.take(mass) for mass in (0.4, 0.5, 0.3, 0.2, 0.1, 0.3, 0.4)] == [1, 0, 0, 0, 1, 1, 1]


@given(lists(lists(shares, min_size=6, max_size=6), min_size=1, max_size=4))
def test_tally_is_the_mean_over_heads_that_lift(layers):
    """Two rows of three heads: the mean over the heads of all layers that lift something, row by row, told once."""
    lifted = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 0.5]])
    tally = Tally()
    for masses in layers:
        tally.take(torch.tensor(masses).view(2, 3, 1), lifted[:, :, None])
    first = [mass for masses in layers for mass in (masses[0], masses[2])]
    second = [masses[5] for masses in layers]
    expected = [sum(each) / len(each) for each in (first, second)]
    assert tally.means() == [pytest.approx(mass, abs=1e-6) for mass in expected]
    assert tally.means() == []


@given(lists(integers(0, 99), unique=True, max_size=40).map(sorted))
def test_few_layers_are_looked_at(layers):
    """At most six, in order, the last one among them, and as far apart as can be; all where there are few."""
    found = looked(layers)
    places = [-1, *(layers.index(layer) for layer in found)]
    gaps = {after - before for before, after in itertools.pairwise(places)}
    assert len(found) == min(LOOKED, len(layers)) and found[-1:] == tuple(layers[-1:])
    assert not gaps or max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ((0.1, 0.2), "lies above the upper one"),
        ((1.5, 0.2), "upper mark of the release is 1.5"),
        ((0.5, -0.1), "lower mark of the release is -0.1"),
        ((0.5, math.nan), "lower mark of the release is nan"),
        ((0.5, True), "lower mark of the release is True"),
        ((0.5, 0.2, 0), "after 0 tokens"),
        ((0.5, 0.2, 1.5), "after 1.5 tokens"),
        ((0.5,), "is no release"),
        ("0.5", "is no release"),
        (0.5, "is no release"),
    ],
)
def test_marks_that_make_no_sense_are_refused(marks, message):
    """Every wrong spelling is told, with an example of a right one."""
    with pytest.raises(StrengthError, match=message):
        as_release(marks)


def test_spellings():
    """A pair, a triple, a Release and nothing."""
    assert as_release([0.2, 0.1]) == Release(0.2, 0.1) and as_release((0.2, 0.1, 8)) == Release(0.2, 0.1, 8)
    assert as_release(Release(0.2, 0.1)) == Release(0.2, 0.1) and as_release(None) is None
