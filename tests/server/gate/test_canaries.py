"""The canaries of a served profile."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

import boldface
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile
from boldface.profiling.canaries import Probe, measure
from boldface.server.canaries import watch
from boldface.server.metrics import Metrics

PROBES = tuple(
    Probe(text, ((text.index(word), text.index(word) + len(word)),), target)
    for text, word, target in (
        ("It rains in June.", "June", " July"),
        ("A cat, a dog.", "dog", " Dogs"),
        ("Count to ten.", "ten", " one"),
    )
)


@pytest.fixture(scope="module")
def served(byte_llama):
    """A model, and a profile with canaries that was made on it."""
    model = boldface.Model(*byte_llama)
    gains = HeadGains({(0, 1): 1.0, (0, 2): -0.5, (1, 0): 1.0, (1, 3): 0.5})
    canaries = measure(model, gains, 8.0, "all", PROBES)
    return model, Profile("p", "tiny", gains, 8.0, identity=model.identity, canaries=canaries)


def figures(metrics: Metrics) -> dict[str, float]:
    return {
        sample.labels["verdict"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "boldface_profile_verdict"
    }


def test_the_verdict_reaches_the_figures(served):
    """One canary at a time is measured with the model, all in another thread, and the verdict told."""
    model, profile = served
    metrics, turns = Metrics(), []

    def between(run):
        turns.append(threading.current_thread())
        found = run()
        assert len(found) == 1
        return found

    watch("m", model, profile, between, metrics).join()
    assert figures(metrics) == {"valid": 1, "drifted": 0, "broken": 0}
    assert len(turns) == len(profile.canaries) and threading.current_thread() not in turns


def test_a_profile_that_does_something_else_is_told(served):
    """Where heads act otherwise than when the profile was made, the figure says so."""
    model, profile = served
    metrics = Metrics()
    turned = replace(profile, canaries=tuple(replace(one, steered=one.plain - 3) for one in profile.canaries))
    watch("m", model, turned, lambda run: run(), metrics).join()
    assert figures(metrics) == {"valid": 0, "drifted": 0, "broken": 1}


def test_a_profile_without_canaries_is_no_failure(served):
    """What cannot be checked has no figure, and the server goes on."""
    model, profile = served
    metrics = Metrics()
    watch("m", model, replace(profile, canaries=()), lambda run: run(), metrics).join()
    assert figures(metrics) == {}
