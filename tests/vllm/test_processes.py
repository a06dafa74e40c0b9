"""Engine and workers in processes of their own, as they are served: the plugin is in all of them, or in none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from boldface.profiles.heads import HeadGains
from boldface.vllm import wire

pytestmark = pytest.mark.vllm


@pytest.fixture
def apart(tmp_path):
    """Start an engine with the switch on or off, and return what it answers: the tokens and scores of each request."""

    def run(switch, folder, requests, **said):
        texts = [(case.ids, case.steering and wire.write(case.steering)) for case in requests]
        answers = tmp_path / f"answers-{switch}.json"
        said |= {"folder": str(folder), "requests": texts, "tokens": 12, "answers": str(answers)}
        env = {name: value for name, value in os.environ.items() if name != "VLLM_ENABLE_V1_MULTIPROCESSING"}
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("apart.py")), json.dumps(said)],
            env=env | {"BOLDFACE_VLLM": switch},
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(answers.read_text())

    return run


@pytest.fixture(scope="module")
def requests(cases):
    return cases(3, 6)


def test_plain_requests_are_what_they_are_without_the_plugin(apart, llama, requests):
    """Switched off and switched on, beside steered ones: the same tokens, and scores but for rounding."""
    plain = [case for case in requests if case.steering is None]
    without = apart("0", llama, plain)
    beside = apart("1", llama, requests, bad=["{", '{"spans":[[0,9999]],"heads":"L0H0"}'])
    again = beside.pop()
    refused = [beside.pop(), beside.pop()]
    assert all(not tokens for tokens, _ in refused)
    assert again[0] == beside[0][0]
    mixed = [answer for case, answer in zip(requests, beside, strict=True) if case.steering is None]
    for (tokens, scores), (same, near) in zip(without, mixed, strict=True):
        assert tokens == same
        assert near == pytest.approx(scores, abs=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tensor", "pipeline"])
def test_two_ranks(apart, llama, requests, ours, kind):
    """Each rank steers its three of six heads, or its one or two of three layers; prefixes are found again."""
    model = ours(llama)
    steered = next(case for case in requests if case.steering)
    ends = [
        replace(steered, steering=replace(steered.steering, gains=HeadGains({(layer, 0): 1.0, (layer, 5): -0.8})))
        for layer in (0, model.layers - 1)
    ]
    asked = [*requests, *ends] * 2
    answers = apart("1", llama, asked, options={f"{kind}_parallel_size": 2})
    for case, (tokens, scores) in zip(asked, answers, strict=True):
        said = SimpleNamespace(tokens=tokens, logprobs=scores)
        assert model.off(case, said) < 1e-4
        assert case.steering is None or model.off(case, said, steered=False) > 1e-3
