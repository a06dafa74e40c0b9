"""What a sweep may try."""

from __future__ import annotations

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.strength import MAX_STRENGTH
from boldface.errors import SweepError
from boldface.evaluation.aim import aim
from boldface.evaluation.arms import find_arm
from boldface.profiles.heads import HeadGains
from boldface.sweeps.axis import Axis
from boldface.sweeps.point import Point
from boldface.sweeps.space import (
    Listed,
    Space,
    counts,
    default_strengths,
    fewer,
    read_scopes,
    read_temperatures,
)

GAINS = HeadGains.parse("L0H1, L0H2=-0.4, L1H0=0.8, L1H3=0.5")
POINTS = st.builds(
    Point,
    st.floats(-6, 7).map(lambda nats: round(nats, 2)).filter(bool),
    st.integers(1, 4),
    st.sampled_from(["all", "answer"]),
    st.sampled_from([0.0, 0.7, 1.0]),
)


@given(point=POINTS)
def test_a_point_is_the_arm_it_names(point, profile):
    """The arm has the point's strength, its largest gains, its scope and its way of choosing words; placebos too."""
    for base in ("steered", "random-heads"):
        arm = find_arm(point.arm(base))
        aimed = aim(arm, {0: 4, 1: 4}, profile, 0)
        assert (aimed.strength, aimed.scope, arm.temperature) == (point.strength, point.scope, point.temperature)
        assert sorted(aimed.gains.values()) == sorted(profile.gains.top(point.heads).values())
    assert aim(find_arm(point.arm()), {0: 4, 1: 4}, profile, 0).gains == profile.gains.top(point.heads)


@given(POINTS)
def test_a_point_survives_its_parameters(point):
    """What a trial keeps gives the point back."""
    assert Point.of(point.params) == point


@given(st.integers(0, 50))
def test_what_is_drawn_lies_in_the_space(seed):
    """Whatever Optuna draws is a point of the space, and the profile can have it."""
    space = Space(Axis(0.5, 6.0), Axis(1, 4), ("all", "answer"), (0.0, 0.7))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    point = Point.of(study.ask(space.distributions).params)
    assert space.holds(point)
    find_arm(space.arm(point.params))


def test_a_grid_is_every_point_once():
    """The product of all sides, each point in the space."""
    space = Space(Axis.of((1.0, 2.0, 4.0)), Axis.of((2.0, 4.0)), ("all", "answer"), (0.0, 1.0))
    points = [Point.of(params) for params in space.grid]
    assert len(points) == len(set(points)) == space.size == 24
    assert all(map(space.holds, points))
    assert not space.holds(Point(3.0, 2))


def test_nonsense_is_refused():
    """More heads than there are, a bias beyond the cap, a grid of a range or without end, with what to do."""
    with pytest.raises(SweepError, match="steers 4"):
        Space(Axis(1, 2), Axis(1, 5)).check(GAINS)
    with pytest.raises(SweepError, match="cap"):
        Space(Axis(1, MAX_STRENGTH + 1), Axis(1, 4)).check(GAINS)
    Space(Axis(1, MAX_STRENGTH), Axis(1, 4)).check(GAINS)
    with pytest.raises(SweepError, match="--head-counts is a range"):
        Space(Axis.of((1, 2)), Axis(1, 4)).check_grid()
    many = Axis.of(tuple(map(float, range(100))))
    with pytest.raises(SweepError, match="10000 points"):
        Space(many, many).check_grid()


@given(st.floats(0.1, 20), st.floats(0.1, 8))
def test_default_strengths_can_be_had(own, largest):
    """From a quarter of the profile's to twice it, never beyond the cap."""
    gains = HeadGains({(0, 0): largest})
    if own * largest > MAX_STRENGTH:
        return
    axis = default_strengths(own, gains)
    Space(axis, Axis.of((1,))).check(gains)
    assert axis.low <= own <= axis.high + 1e-2


@given(st.integers(1, 300), st.floats(0, 0.999))
def test_sparsity_is_a_number_of_heads(heads, part):
    """Nothing left out is all of them, and one is always left."""
    assert fewer(heads, 0) == heads
    assert 1 <= fewer(heads, part) <= heads


def test_words_that_are_none_are_refused():
    """Scopes, temperatures, numbers of heads."""
    assert read_scopes(["answer", "all", "answer"]) == ("answer", "all")
    assert read_temperatures(["0", "0.7"]) == (0.0, 0.7)
    for refused in (
        lambda: read_scopes(["some"]),
        lambda: read_temperatures(["-1"]),
        lambda: read_temperatures(["hot"]),
        lambda: counts(2.5),
        lambda: counts(0),
        lambda: fewer(10, 1.0),
    ):
        with pytest.raises(SweepError):
            refused()


def test_a_list_is_tried_in_its_order():
    """Arms as they stand."""
    listed = Listed(["all-heads", "all-heads:only=L1"])
    assert [listed.arm(params) for params in listed.grid] == ["all-heads", "all-heads:only=L1"]
    assert listed.size == 2
