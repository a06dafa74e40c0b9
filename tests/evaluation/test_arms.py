"""The arms and how people name them."""

from __future__ import annotations

import math

import pytest

from boldface.errors import TaskError
from boldface.evaluation.arms import DEFAULT, GRIDS, PUBLISHED, find_arm


def test_every_arm_is_found_by_its_own_name():
    """The whole table, and every value that is tried, has names of its own."""
    names = [*DEFAULT, *(f"{kind}={value:g}" for kind, values in GRIDS.items() for value in values)]
    assert len(set(names)) == len(names)
    assert [find_arm(name).name for name in names] == names


def test_everybody_has_the_same_budget():
    """Five values for each, from gentle to strong."""
    assert all(len(values) == 5 and list(values) == sorted(values) for values in GRIDS.values())


@pytest.mark.parametrize("kind", PUBLISHED)
def test_a_peer_without_a_value_has_its_published_one(kind):
    """``instaboost`` is ``instaboost=3``, and so on, by another name."""
    bare, valued = find_arm(kind), find_arm(f"{kind}={PUBLISHED[kind]:g}")
    assert (bare.name, valued.name) == (kind, f"{kind}={PUBLISHED[kind]:g}")
    assert (bare.rule, bare.heads, bare.strength, bare.share) == (
        valued.rule,
        valued.heads,
        valued.strength,
        valued.share,
    )


def test_values_are_what_they_say():
    """A factor is a strength in nats, SpotLight's value a share, ours a multiple, few-shot's a count."""
    assert find_arm("instaboost=5").strength == pytest.approx(math.log(5))
    assert (find_arm("spotlight=0.3").share, find_arm("spotlight=0.3").strength) == (0.3, None)
    assert (find_arm("steered=0.5").times, find_arm("steered=0.5").strength) == (0.5, None)
    assert (find_arm("few-shot").shots, find_arm("few-shot=5").shots) == (3, 5)


@pytest.mark.parametrize(
    "name",
    [
        *("", "nope", "plain=1", "marked", "marked=", "few-shot=0", "few-shot=x", "few-shot=100"),
        *("steered@", "steered@nope", "steered@shift", "plain@random", "other-span@random", "steered@random@random"),
        *("steered=", "pasta=", "steered=0", "steered=x", "steered=nan", "steered=inf", "spotlight=1", "instaboost=-2"),
    ],
)
def test_wrong_names_and_values_are_told(name):
    """An arm that is not there, or a value out of range, is a TaskError with a hint."""
    with pytest.raises(TaskError) as raised:
        find_arm(name)
    assert raised.value.hint


@pytest.mark.parametrize("base", ["steered", "pasta=10", "spotlight", "all-heads"])
def test_any_arm_that_steers_what_is_asked_can_be_led_astray(base):
    """Noise changes which words are emphasised and nothing else; a wholly wrong emphasis is a placebo."""
    arm, moved, elsewhere = find_arm(base), find_arm(f"{base}@shift=4"), find_arm(f"{base}@random")
    assert (moved.name, moved.base, str(moved.noise)) == (f"{base}@shift=4", base, "shift=4")
    assert (moved.heads, moved.rule, moved.strength, moved.share) == (arm.heads, arm.rule, arm.strength, arm.share)
    assert (moved.placebo, elsewhere.placebo) == (False, True)
    assert len({arm.title, moved.title, elsewhere.title}) == 3
