"""Fit: heads that were made for this model fit it without a look, others by what they do to canaries."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

import boldface
from boldface.insight.diagnosis.fit import fit
from boldface.insight.diagnosis.setting import choose
from boldface.profiles.heads import Head, HeadGains
from boldface.profiles.profile import Profile
from boldface.profiling.canaries import Probe, measure

PROBES = (
    Probe("Say it now please.", ((7, 10),), " Now"),
    Probe("The red door is open", ((4, 7),), "."),
    Probe("Ann is in Oslo, Ben is in Rome.", ((0, 14),), " Oslo"),
)


@pytest.fixture(scope="module")
def swapped(model) -> boldface.Model:
    """A checkpoint that answers as the model does, with two heads of every group in the other order."""
    other = copy.deepcopy(model.model)
    size, order = other.config.head_dim, [1, 0, 3, 2]
    rows = torch.cat([torch.arange(head * size, (head + 1) * size) for head in order])
    with torch.no_grad():
        for layer in other.model.layers:
            layer.self_attn.q_proj.weight.copy_(layer.self_attn.q_proj.weight[rows])
            layer.self_attn.o_proj.weight.copy_(layer.self_attn.o_proj.weight[:, rows])
    return boldface.Model(other, model.tokenizer, chat=False)


def test_a_profile_of_this_model_fits(model, known):
    """Nothing is measured for that: its canaries could say anything."""
    lying = replace(
        known, canaries=tuple(replace(one, steered=one.plain - 9) for one in measure(model, known.gains, 3.0))
    )
    assert fit(model, choose(model, lying)).fits


def test_canaries_tell_heads_in_another_order(model, swapped, known):
    """The same gains on a model whose plain answers are the same do something else."""
    made = replace(known, canaries=measure(model, known.gains, 3.0, "all", PROBES))
    assert fit(model, choose(model, made.unbound())).fits
    found = fit(swapped, choose(swapped, made))
    assert not found.fits
    assert "broken" in found.says


def test_heads_without_canaries_are_judged_by_ours(model, known):
    """A random model reads no emphasis, whatever its heads; the figure is told."""
    found = fit(model, choose(model, known.gains))
    assert not found.fits
    assert "of 16 things" in found.says


@pytest.mark.slow
def test_shipped_gains_pass_and_gains_of_other_heads_do_not(smollm2):
    """Even without canaries of their own."""
    model = boldface.Model(*smollm2)
    shipped = replace(Profile.load("smollm2").unbound(), canaries=())
    heads = model.geometry.heads
    rolled = HeadGains({Head(layer, (head + 1) % heads[layer]): gain for (layer, head), gain in shipped.gains.items()})
    assert fit(model, choose(model, shipped)).fits
    assert not fit(model, choose(model, replace(shipped, gains=rolled))).fits
