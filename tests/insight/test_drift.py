"""Drift: the same model keeps everything, and heads in another order are seen although the plain model is the same."""

from __future__ import annotations

import copy
import math
import random
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import boldface
from boldface.errors import HeadError
from boldface.insight import drift
from boldface.insight.drift import BROKEN, BROKEN_STILL, FAINT, VALID, VALID_STILL, check
from boldface.profiles.canary import Canary
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile
from boldface.profiling.canaries import PROBES as OURS
from boldface.profiling.canaries import Probe, measure

GAINS = HeadGains({(0, 1): 1.0, (0, 2): -0.5, (1, 0): 1.0, (1, 3): 0.5})
STRENGTH = 3.0
PROBES = tuple(
    Probe(text, ((start, end),), target)
    for text, start, end, target in (
        ("Say it now please.", 7, 10, " Now"),
        ("The red door is open", 4, 7, "."),
        ("Ann is in Oslo, Ben is in Rome.", 0, 14, " Oslo"),
        ("Ann is in Oslo, Ben is in Rome.", 16, 31, " Rome"),
        ("One, two, three,", 5, 8, " four"),
        ("Write a list.", 8, 12, "\n- "),
    )
)


@pytest.fixture(scope="module")
def model(byte_llama) -> boldface.Model:
    """The tiny model of bytes."""
    return boldface.Model(*byte_llama)


@pytest.fixture(scope="module")
def profile(model) -> Profile:
    """A profile of the tiny model, with canaries."""
    canaries = measure(model, GAINS, STRENGTH, "all", PROBES)
    return Profile("mine", "tiny", GAINS, STRENGTH, identity=model.identity, canaries=canaries)


def changed(model: boldface.Model, change: Any) -> boldface.Model:
    """A copy of the model whose weights ``change`` has been at."""
    other = copy.deepcopy(model.model)
    with torch.no_grad():
        change(other)
    return boldface.Model(other, model.tokenizer)


def permuted(order: list[int]) -> Any:
    """Put query heads, with their key-value heads, into another order, in every layer; the outputs stay as they were.

    ``order`` keeps the heads of a key-value group together.
    """

    def change(model: Any) -> None:
        config = model.config
        size, group = config.head_dim, config.num_attention_heads // config.num_key_value_heads
        rows = torch.cat([torch.arange(head * size, (head + 1) * size) for head in order])
        groups = [head // group for head in order[::group]]
        kv_rows = torch.cat([torch.arange(one * size, (one + 1) * size) for one in groups])
        for layer in model.model.layers:
            attention = layer.self_attn
            attention.q_proj.weight.copy_(attention.q_proj.weight[rows])
            attention.o_proj.weight.copy_(attention.o_proj.weight[:, rows])
            attention.k_proj.weight.copy_(attention.k_proj.weight[kv_rows])
            attention.v_proj.weight.copy_(attention.v_proj.weight[kv_rows])

    return change


def noise(size: float) -> Any:
    """Add noise to every linear layer, in parts of the spread of its weights."""

    def change(model: Any) -> None:
        generator = torch.Generator().manual_seed(0)
        for module in model.modules():
            if isinstance(module, torch.nn.Linear):
                drawn = torch.randn(module.weight.shape, generator=generator)
                module.weight.add_(drawn * size * module.weight.std())

    return change


def test_the_same_model_keeps_everything(profile, model):
    """Share kept exactly 1, interval without width, nothing moved: on the model, on a copy, and after a file."""
    for live in (model, changed(model, lambda _: None)):
        for one in (profile, Profile.from_json(profile.to_json())):
            found = check(one, live)
            assert found.verdict == "valid"
            assert (found.kept.mean, found.kept.low, found.kept.high) == (1.0, 1.0, 1.0)
            assert found.plain_moved == 0
            assert found.expected.mean == found.now != 0
            assert found.relation == ("same", ())


@pytest.mark.parametrize(("scope", "rule"), [("answer", "pasta"), ("all", "flat")])
def test_canaries_are_measured_as_the_profile_steers(profile, model, scope, rule):
    """By the profile's own scope and rule; by another one the same heads do something else."""
    canaries = measure(model, GAINS, STRENGTH, scope, PROBES, rule=rule)
    own = replace(profile, scope=scope, rule=rule, canaries=canaries)
    assert check(own, model).kept.mean == 1
    assert check(replace(own, scope="all", rule="pasta"), model).kept.mean < 1


@pytest.mark.parametrize("order", [[1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]])
def test_heads_in_another_order_are_broken_though_the_model_is_the_same(profile, model, order):
    """Within their groups, groups, and both: the plain model does not move, the effects do, and it is told why."""
    live = changed(model, permuted(order))
    found = check(profile, live)
    assert found.plain_moved < 1e-5
    assert found.kept.mean < BROKEN_STILL
    assert found.verdict == "broken"
    assert "another order" in found.reason
    moved = {head: order.index(head) for head in range(4)}
    followed = HeadGains({(layer, moved[head]): gain for (layer, head), gain in GAINS.items()})
    again = check(replace(profile, gains=followed, identity=None), live)
    assert again.verdict == "valid"
    assert again.kept.mean == pytest.approx(1, abs=1e-4)


@given(st.floats(0.01, 3))
@settings(max_examples=12)
def test_gains_that_were_scaled_are_not_what_was_measured(profile, model, scale):
    """Far from 1 a share is lost, and as the plain model is what it was the words say that the profile was edited."""
    found = check(replace(profile, gains=GAINS * scale), model)
    assert found.plain_moved == 0
    assert found.verdict == "valid" or "edited" in found.reason
    if not 0.7 < scale < 1.4:
        assert found.verdict != "valid"


@given(st.randoms())
@settings(max_examples=8)
def test_the_order_of_canaries_makes_no_difference(profile, model, dice: random.Random):
    """Shuffled canaries give the same figures and the same verdict."""
    canaries = list(profile.canaries)
    dice.shuffle(canaries)
    live = changed(model, noise(0.02))
    one, other = check(profile, live), check(replace(profile, canaries=tuple(canaries)), live)
    assert replace(one, sightings=()) == replace(other, sightings=())
    assert {sighting.then: sighting for sighting in one.sightings} == {
        sighting.then: sighting for sighting in other.sightings
    }


def test_a_little_noise_is_seen_and_much_of_it_breaks(profile, model):
    """The share kept falls with the noise, the plain model moves too, and the words speak of the model."""
    found = [check(profile, changed(model, noise(size))) for size in (0.002, 0.05, 1.0)]
    assert found[0].verdict == "valid"
    assert found[-1].verdict == "broken"
    assert "model has changed" in found[-1].reason
    assert found[0].kept.mean > found[1].kept.mean > found[2].kept.mean
    assert 0 < found[0].plain_moved < found[1].plain_moved < found[2].plain_moved
    assert found[0].kept.low <= found[0].kept.mean <= found[0].kept.high
    assert found[2].relation.kind == "foreign"


def found_anew(now):
    """Stands for the measurement of canaries: each has the figures it has in ``now``."""
    figures = {one.prompt: one for one in now}
    return lambda model, gains, strength, scope, canaries, rule: tuple(figures[one.prompt] for one in canaries)


@pytest.mark.parametrize(
    ("kept", "plain_moved", "verdict"),
    [
        (VALID, 1.0, "valid"),
        (VALID - 0.01, 1.0, "drifted"),
        (BROKEN, 1.0, "drifted"),
        (BROKEN - 0.01, 1.0, "broken"),
        (-1.0, 1.0, "broken"),
        (VALID_STILL, 0.0, "valid"),
        (VALID_STILL - 0.01, 0.0, "drifted"),
        (BROKEN_STILL, 0.0, "drifted"),
        (BROKEN_STILL - 0.01, 0.0, "broken"),
    ],
)
def test_the_bounds(monkeypatch, model, kept, plain_moved, verdict):
    """From a bound on counts as above it; a plain model that stayed as it was makes the bounds stricter."""
    then = [Canary(str(index), (), "x", -2.0, -1.0) for index in range(4)]
    now = [replace(one, plain=-2.0 - plain_moved, steered=-2.0 - plain_moved + kept + 1e-9) for one in then]
    monkeypatch.setattr(drift, "measure", found_anew(now))
    assert check(Profile("p", "", GAINS, canaries=tuple(then)), model).verdict == verdict


def test_figures_are_those_of_the_definition(monkeypatch, model):
    """1 − Σ|now − then| / Σ|then|, with effects of both signs; means of the effects; one canary has no interval."""
    then = [Canary("a", (), "x", -3.0, -1.0), Canary("b", (), "x", -1.0, -2.0)]
    now = [replace(then[0], plain=-3.5, steered=-2.0), replace(then[1], steered=-2.5)]
    monkeypatch.setattr(drift, "measure", found_anew(now))
    found = check(Profile("p", "", GAINS, canaries=tuple(then)), model)
    assert found.kept.mean == pytest.approx(1 - (0.5 + 0.5) / (2 + 1))
    assert (found.expected.mean, found.now, found.plain_moved) == (0.5, 0.0, 0.25)
    assert found.relation is None
    found = check(Profile("p", "", GAINS, canaries=tuple(then[:1])), model)
    assert (found.kept.low, found.kept.high) == (-math.inf, math.inf)


def test_what_cannot_be_checked_is_refused(profile, model):
    """No canaries, or effects that rounding would drown: an error that says what to do."""
    with pytest.raises(HeadError, match="no canaries") as refused:
        check(replace(profile, canaries=()), model)
    assert "profiles make" in refused.value.hint
    faint = tuple(replace(one, steered=one.plain + FAINT / 2) for one in profile.canaries)
    with pytest.raises(HeadError, match="too little"):
        check(replace(profile, canaries=faint), model)
    with pytest.raises(HeadError):
        check(replace(profile, gains=HeadGains({(9, 0): 1.0}), identity=None, layers=None, heads=None), model)


def test_the_shipped_profile_on_its_model(smollm2):
    """End to end on SmolLM2: valid as it is and in 8 bits a weight, broken where heads of a group change places."""
    model = boldface.Model(*smollm2)
    shipped = Profile.load("smollm2")
    canaries = measure(model, shipped.gains, shipped.strength, shipped.scope, OURS[::3], rule=shipped.rule)
    profile = replace(shipped, identity=model.identity, canaries=canaries)
    assert sum(canary.effect for canary in canaries) > len(canaries) / 2

    same = check(profile, model)
    assert (same.verdict, same.kept.mean, same.plain_moved) == ("valid", 1.0, 0.0)

    rounded = check(profile, changed(model, _eight_bits))
    assert rounded.verdict == "valid"
    assert rounded.kept.mean < 1
    assert rounded.plain_moved > 1e-3

    turned = check(profile, changed(model, permuted([1, 2, 0, 4, 5, 3, 7, 8, 6])))
    assert turned.plain_moved < 1e-3
    assert turned.verdict == "broken"


def _eight_bits(model: Any) -> None:
    for module in model.model.modules():
        if isinstance(module, torch.nn.Linear):
            step = module.weight.abs().amax(dim=1, keepdim=True) / 127
            module.weight.copy_((module.weight / step).round() * step)
