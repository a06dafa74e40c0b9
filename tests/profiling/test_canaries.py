"""Canaries: our own prompts are well made, and their figures are what the model says, each by itself."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import boldface
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.scoring import following
from boldface.errors import ContextLengthError, HeadError, ModelError, SpanError
from boldface.profiles.heads import HeadGains
from boldface.profiling.canaries import PROBES, Probe, measure

GAINS = HeadGains.parse("L0H1, L1H0, L1H3=-0.5")


@pytest.fixture(scope="module")
def model(byte_llama):
    """The tiny model of bytes."""
    return boldface.Model(*byte_llama)


def test_our_prompts_are_short_different_and_marked():
    """Each has emphasis and a target; either side of a conflict stands there once, and no markup is left."""
    assert 16 <= len(PROBES) <= 20
    assert len({(probe.prompt, probe.spans) for probe in PROBES}) == len(PROBES)
    assert len({probe.prompt for probe in PROBES}) < len(PROBES)
    for probe in PROBES:
        assert len(probe.prompt) < 240
        assert len(probe.spans) == 1
        assert probe.target.strip()
        assert "**" not in probe.prompt


@pytest.mark.parametrize(("scope", "rule"), [("all", "pasta"), ("answer", "pasta"), ("all", "flat")])
def test_figures_are_what_the_model_says(model, scope, rule):
    """Plain and steered are the mean log-probabilities of the target's tokens, by one pass over prompt and target."""
    probe = PROBES[0]
    (canary,) = measure(model, GAINS, 2.0, scope, [probe], rule=rule)
    tokens = following(model.tokenizer, probe.target, probe.prompt)
    text = EmphasisedText(probe.prompt, tuple(CharSpan(*span) for span in probe.spans))
    for strength, found in ((0.0, canary.plain), (2.0, canary.steered)):
        how = {"heads": GAINS, "strength": strength, "scope": scope, "rule": rule}
        with model.steer(text, **how) as inputs, torch.no_grad():
            ids = torch.cat((inputs["input_ids"], torch.tensor([tokens])), dim=1)
            logprobs = model.model(ids).logits[0, -len(tokens) - 1 : -1].log_softmax(-1)
        expected = logprobs[range(len(tokens)), tokens].mean()
        assert found == pytest.approx(float(expected), abs=1e-4)
    assert canary.effect == canary.steered - canary.plain != 0
    assert (canary.prompt, canary.spans, canary.target) == tuple(probe)


@settings(max_examples=12)
@given(st.lists(st.sampled_from(range(len(PROBES))), min_size=1, max_size=3))
def test_a_canary_does_not_depend_on_the_others(model, chosen):
    """Bit by bit the same figures, whichever canaries are measured beside it, and measured again."""
    alone = {index: measure(model, GAINS, 2.0, "all", [PROBES[index]]) for index in set(chosen)}
    together = measure(model, GAINS, 2.0, "all", [PROBES[index] for index in chosen])
    assert together == sum((alone[index] for index in chosen), ())
    assert measure(model, GAINS, 2.0, "all", together) == together


def test_nothing_steered_is_no_effect(model):
    """Strength 0 gives the plain figures, to the last bit."""
    assert {canary.effect for canary in measure(model, GAINS, 0.0)} == {0.0}


def test_what_cannot_be_measured_is_refused(model, byte_llama):
    """Heads that are not there, spans beyond the text, targets beyond the context, numbers that are none."""
    with pytest.raises(HeadError):
        measure(model, HeadGains({(7, 0): 1.0}), 2.0)
    with pytest.raises(SpanError):
        measure(model, GAINS, 2.0, "all", [Probe("short", ((0, 99),), " x")])
    with pytest.raises(ContextLengthError):
        measure(model, GAINS, 2.0, "all", [Probe("short", ((0, 5),), " x" * 5000)])
    weight = byte_llama[0].lm_head.weight
    kept = weight[65].clone()
    try:
        with torch.no_grad():
            weight[65] = math.nan
        with pytest.raises(ModelError, match="not finite"):
            measure(model, GAINS, 2.0)
    finally:
        with torch.no_grad():
            weight[65] = kept
