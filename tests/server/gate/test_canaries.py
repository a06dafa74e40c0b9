"""The canaries of a served profile."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

import boldface
from boldface.errors import ModelError
from boldface.insight.drift import VALID_STILL
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile
from boldface.profiling.canaries import Probe, measure
from boldface.server.canaries import SHARE, Watch
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


def figures(metrics: Metrics, name: str = "boldface_profile_verdict") -> dict[str, float]:
    """The samples of one figure by its last label."""
    return {
        list(sample.labels.values())[-1]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def run_once(model, profiles, between=lambda run: run()) -> Metrics:
    """Measure profiles at once, and wait for the end."""
    metrics = Metrics()
    watch = Watch("m", model, profiles, between, metrics)
    watch.start()
    watch.thread.join(60)
    watch.stop()
    return metrics


def test_the_verdict_reaches_the_figures(served):
    """One canary at a time is measured with the model, all in another thread, and the verdict told."""
    model, profile = served
    turns = []

    def between(run):
        turns.append(threading.current_thread())
        found = run()
        assert len(found) == 1
        return found

    metrics = run_once(model, [profile], between)
    assert figures(metrics) == {"valid": 1, "drifted": 0, "broken": 0}
    assert figures(metrics, "boldface_canary_rounds_total") == {"verdict": 1, "failure": 0}
    assert len(turns) == len(profile.canaries) and threading.current_thread() not in turns


def test_a_profile_that_does_something_else_is_told(served):
    """Where heads act otherwise than when the profile was made, the figure says so, and so do the thresholds."""
    model, profile = served
    turned = replace(profile, canaries=tuple(replace(one, steered=one.plain - 3) for one in profile.canaries))
    metrics = run_once(model, [turned, replace(profile, name="other")])
    kept, valid, broken = (figures(metrics, f"boldface_profile_effect_kept{end}") for end in ("", "_valid", "_broken"))
    assert kept["p"] < broken["p"] < valid["p"] == VALID_STILL
    assert kept["other"] == 1 > valid["other"] > broken["other"]
    effect, low, high = (
        figures(metrics, f"boldface_canary_effect{end}_nats") for end in ("", "_made_low", "_made_high")
    )
    assert low["p"] == high["p"] == pytest.approx(-3)
    assert effect["p"] > high["p"]
    assert low["other"] <= effect["other"] <= high["other"]


def test_a_profile_without_canaries_is_no_failure(served):
    """What cannot be checked has no figure, and the others are checked."""
    model, profile = served
    metrics = run_once(model, [replace(profile, name="bare", canaries=()), profile])
    assert figures(metrics) == {"valid": 1, "drifted": 0, "broken": 0}
    assert set(figures(metrics, "boldface_profile_effect_kept")) == {"p"}
    assert figures(run_once(model, [])) == {}


@pytest.mark.parametrize("error", [ModelError("Not finite."), RuntimeError("out of order")])
def test_what_cannot_be_measured_is_counted(served, error):
    """A round without a verdict is a failure, whatever it was, and the next profile has its turn."""
    model, profile = served

    def between(run):
        if not failed:
            failed.append(run)
            raise error
        return run()

    failed: list = []
    metrics = run_once(model, [profile, replace(profile, name="second")], between)
    rounds = {
        (sample.labels["profile"], sample.labels["outcome"]): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "boldface_canary_rounds_total"
    }
    assert rounds == {("p", "verdict"): 0, ("p", "failure"): 1, ("second", "verdict"): 1, ("second", "failure"): 0}


def test_canaries_that_go_on_take_a_small_share_of_the_time(served):
    """Round follows round, and however short the period, requests have nearly all of the model's time."""
    model, profile = served
    metrics, spent, enough = Metrics(), [], threading.Event()

    def between(run):
        began = time.monotonic()
        found = run()
        spent.append(time.monotonic() - began)
        if len(spent) > 2 * len(profile.canaries):
            enough.set()
        return found

    watch = Watch("m", model, [profile], between, metrics, at_once=False, period=0.01)
    began = time.monotonic()
    watch.start()
    assert enough.wait(60)
    elapsed = time.monotonic() - began
    watch.stop()
    assert sum(spent[:-1]) <= 1.2 * SHARE * elapsed
    assert figures(metrics, "boldface_canary_rounds_total")["verdict"] >= 2
    told = figures(metrics, "boldface_canary_period_seconds")["p"]  # what a round really takes
    assert told > 5 * 0.01


def test_a_period_is_kept(served):
    """A model that is quick is not asked more often than the period says; stopping waits for no period."""
    model, profile = served
    asked = []

    def between(run):
        asked.append(time.monotonic())
        return run()

    metrics = Metrics()
    watch = Watch("m", model, [profile], between, metrics, at_once=False, period=3.0)
    watch.start()
    while len(asked) < 2:
        time.sleep(0.01)
    watch.stop()
    assert asked[1] - asked[0] >= 0.95 * 3.0 / len(profile.canaries)
    assert len(asked) == 2 and not watch.thread.is_alive()
    assert figures(metrics, "boldface_canary_period_seconds") == {"p": pytest.approx(3.0)}
