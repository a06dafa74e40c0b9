"""Which point is recommended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.sweeps.choosing import choose
from boldface.sweeps.objectives import DIVERGENCE, OBEDIENCE, Objective

OBEYS = Objective(OBEDIENCE, (("json", "strict_right"),))
MOVES = Objective(DIVERGENCE, (("neutral", "divergence"),))


@pytest.fixture
def plain(measured):
    """Half of it is right."""
    return measured(0.5, tasks={"json": 0.5, "pronouns": 0.5}, divergence=0.0)


def test_the_best_without_objection_wins(tried, plain):
    """Not the best of all where that one does harm, and no point off the front."""
    points = [
        tried(0, 0.70, tasks={"json": 0.9, "pronouns": 0.5}, divergence=0.1),
        tried(1, 0.95, tasks={"json": 1.0, "pronouns": 0.3}, divergence=0.1),
        tried(2, 0.90, tasks={"json": 0.9, "pronouns": 0.9}, divergence=0.5),
        tried(3, 0.85, tasks={"json": 0.8, "pronouns": 0.8}, divergence=0.1, stuck=0.4),
        tried(4, 0.99, tasks={"json": 1.0, "pronouns": 1.0}, divergence=0.1, front=False),
    ]
    choice = choose(points, plain, [OBEYS, MOVES])
    assert choice.chosen == points[0]
    assert choice.objections[0] == []
    assert "pronouns falls" in choice.objections[1][0]
    assert "moves the model by 0.50" in choice.objections[2][0]
    assert "repeat themselves" in choice.objections[3][0]
    assert 4 not in choice.objections
    assert "3 of the front are out" in choice.why


def test_of_equals_the_gentlest_wins(tried, plain):
    """Half a standard error is 2 points: what is as good and moves the model less is taken, what is worse is not."""
    points = [
        tried(0, 0.80, divergence=0.20),
        tried(1, 0.785, divergence=0.05),
        tried(2, 0.77, divergence=0.01),
    ]
    assert choose(points, plain, [OBEYS, MOVES]).chosen == points[1]
    without = [tried(0, 0.80, heads=40), tried(1, 0.79, heads=12), tried(2, 0.79, heads=12, strength=1.0)]
    assert choose(without, plain, [OBEYS]).chosen == without[2]


def test_nothing_is_recommended_where_everything_harms(tried, plain):
    """The reason is told, point by point."""
    choice = choose([tried(0, 0.5), tried(1, 0.4)], plain, [OBEYS])
    assert choice.chosen is None
    assert "point 0: obedience is 50.0 %, no better than plain (50.0 %)" in choice.why
    assert choose([], plain, [OBEYS]).chosen is None


def test_lower_is_better_where_the_first_objective_says_so(tried, plain):
    """A divergence that decides is minimised."""
    far = tried(0, 0.8, divergence=-0.1)
    near = tried(1, 0.8, divergence=-0.4)
    assert choose([far, near], plain, [MOVES, OBEYS]).chosen == near


@given(st.lists(st.tuples(st.floats(0.3, 1), st.floats(0, 0.5)), min_size=1, max_size=8))
def test_what_is_recommended_is_never_worse_than_plain(given):
    """Whatever was measured: of the front, better than plain, within half an error of the best that may be taken."""
    from boldface.metrics.statistics import Estimate
    from boldface.sweeps.choosing import Tried
    from boldface.sweeps.measure import Measure
    from boldface.sweeps.point import Point

    def measure(obedience, moved):
        found = {"obedience": Estimate(obedience, 0.04, 0, 1, 25), "divergence": Estimate(moved, 0.01, 0, 1, 25)}
        return Measure(found, {}, 0.0, 25, 25, 1.0)

    points = [
        Tried(number, Point(1.0, 5).arm(), Point(1.0, 5).params, measure(*one), True)
        for number, one in enumerate(given)
    ]
    chosen = choose(points, measure(0.5, 0.0), [OBEYS, MOVES]).chosen
    able = [obedience for obedience, moved in given if obedience > 0.5 and moved <= 0.3]
    assert (chosen is None) == (not able)
    if chosen is not None:
        assert given[chosen.number][0] >= max(able) - 0.02
        assert given[chosen.number][1] <= 0.3
