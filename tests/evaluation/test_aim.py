"""What arms steer."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.engine.heads import Selected
from boldface.errors import TaskError
from boldface.evaluation.aim import aim, dealt
from boldface.evaluation.arms import find_arm
from boldface.profiles.heads import Head, HeadGains

SHAPE = {0: 4, 1: 4, 3: 8}
GAINS = HeadGains.parse("L0H1, L0H2=0.25, L3H7=0.5, L3H0=-0.5")
PROFILE = Selected(GAINS, 4.0)


@pytest.mark.parametrize(
    ("arm", "gains", "strength"),
    [
        ("plain", HeadGains(), 0.0),
        ("marked=*", HeadGains(), 0.0),
        ("steered", GAINS, 4.0),
        ("steered=0.5", GAINS, 2.0),
        ("other-span", GAINS, 4.0),
        ("pasta", HeadGains.parse("L0H1, L3H7"), 4.605170185988092),
        ("autopasta=2", HeadGains.parse("L0H1, L3H7"), 0.6931471805599453),
        ("instaboost=1", HeadGains((layer, head) for layer, count in SHAPE.items() for head in range(count)), 0.0),
    ],
)
def test_arms_steer_what_they_say(arm, gains, strength):
    """The profile's heads, its head set or all heads, at the arm's own strength or a multiple of the profile's."""
    aimed = aim(find_arm(arm), SHAPE, PROFILE, 0)
    assert aimed.gains == gains
    assert aimed.strength == pytest.approx(strength)


@pytest.mark.parametrize(
    ("arm", "scope"),
    [("steered", "answer"), ("random-heads", "answer"), ("pasta", "all"), ("all-heads", "all"), ("plain", "all")],
)
def test_the_profile_s_scope_goes_with_its_gains(arm, scope):
    """Arms that have the profile's own gains have its scope; published forms steer every query."""
    assert aim(find_arm(arm), SHAPE, Selected(GAINS, 4.0, "answer"), 0).scope == scope


def test_an_arm_s_own_scope_goes_first():
    """The profile steers every query, the arm its answers alone; heads, strength and rule stay the profile's."""
    own, everywhere = (aim(find_arm(arm), SHAPE, PROFILE, 0) for arm in ("answer-scope", "steered"))
    assert (own.scope, everywhere.scope) == ("answer", "all")
    assert replace(own, scope="all") == everywhere


@given(
    st.dictionaries(
        st.sampled_from([Head(layer, head) for layer, count in SHAPE.items() for head in range(count)]),
        st.floats(-1, 1).filter(bool),
        min_size=1,
    ),
    st.integers(0, 9),
)
def test_random_heads_keep_layers_and_gains(gains, seed):
    """Every layer keeps its gains, each on a head that exists, and the same seed deals them the same way."""
    gains = HeadGains(gains)
    drawn = dealt(gains, SHAPE, seed)
    assert dealt(gains, SHAPE, seed) == drawn
    assert all(head.head < SHAPE[head.layer] for head in drawn)
    assert Counter((head.layer, gain) for head, gain in drawn.items()) == Counter(
        (head.layer, gain) for head, gain in gains.items()
    )


def test_seeds_deal_differently():
    """Ten seeds give more than one set of heads."""
    assert len({dealt(GAINS, SHAPE, seed) for seed in range(10)}) > 1


@pytest.mark.parametrize(
    ("arm", "profile", "says"),
    [
        ("steered", None, "needs a profile"),
        ("steered", Selected(HeadGains(), 4.0), "no head"),
        ("random-heads", Selected(HeadGains(), 4.0), "no head"),
        ("pasta", Selected(HeadGains.parse("L0H0=0.4"), 4.0), "no head of gain 0.5"),
    ],
)
def test_what_steers_nothing_is_refused(arm, profile, says):
    """An arm without heads is an error: it would be another arm under this name."""
    with pytest.raises(TaskError, match=says):
        aim(find_arm(arm), SHAPE, profile, 0)
