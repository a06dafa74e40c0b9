"""The regression gate: the shipped profile still scores what it scored, and a profile that does nothing does not.

``python tests/evaluation/test_gate.py`` measures the scores anew and stores them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import boldface
from boldface.engine import steer
from boldface.engine.heads import select_heads
from boldface.evaluation.arms import find_arm
from boldface.evaluation.results import Results
from boldface.evaluation.run import Request, evaluate
from boldface.records.store import Store
from boldface.tasks.catalogue import find_task
from boldface.tasks.data import Data
from boldface.testing.mutants import no_op

GATE = Path(__file__).with_name("gate")
SCORES = GATE / "scores.json"
ASKED = (
    ("json", "raw", "original", "strict"),
    ("wikibios", "raw", "original", "top1"),
    ("counterfact", "raw", "original", "paraphrase"),
)
WRITTEN, LOOKS = ASKED[:1], ASKED[1:]
"""Those that write answers, and those that take one look at the next token: what spoils either is noticed."""


def measure(
    model: boldface.Model, arm: str, place: Path, asked: Sequence[tuple[str, str, str, str]] = ASKED
) -> dict[str, dict[str, float]]:
    """Score an arm on the gate's rows: metric to mean and 95 % interval."""
    scores = {}
    for task, setting, variant, metric in asked:
        request = Request((find_task(task),), (find_arm(arm),), 16, "validation", (setting,), (variant,))
        path = place / f"{task}-{arm}.jsonl"
        with Store(path, {"model": model.name}) as store:
            evaluate(model, request, Data(GATE), store, profile=select_heads(model.model, "smollm2"))
        results = Results.load([path])
        (case,) = results.cases
        found = results.estimate(case, arm, metric)
        scores[f"{task} {setting} {variant} {metric}"] = {"mean": found.mean, "low": found.low, "high": found.high}
    return scores


def outside(scores: dict[str, dict[str, float]]) -> list[str]:
    """The metrics that have left the stored intervals."""
    stored = json.loads(SCORES.read_text())
    return [name for name, found in scores.items() if not stored[name]["low"] <= found["mean"] <= stored[name]["high"]]


@pytest.fixture
def model(smollm2):
    """SmolLM2 as boldface runs it."""
    return boldface.Model(*smollm2, name="smollm2")


@pytest.mark.slow
def test_the_shipped_profile_scores_what_it_scored(model, tmp_path):
    """Every score lies in its stored interval."""
    scores = measure(model, "steered", tmp_path)
    assert scores.keys() == json.loads(SCORES.read_text()).keys() and outside(scores) == []


@pytest.mark.slow
def test_steering_that_does_nothing_is_noticed(model, tmp_path, monkeypatch):
    """With plans that steer nothing the gate fails."""
    build = steer.build_plan
    monkeypatch.setattr(steer, "build_plan", lambda *args, **options: no_op(build(*args, **options)))
    assert outside(measure(model, "steered", tmp_path, LOOKS))


@pytest.mark.slow
def test_random_heads_are_noticed(model, tmp_path):
    """With the same gains on other heads of the same layers the gate fails."""
    assert outside(measure(model, "random-heads", tmp_path, WRITTEN))


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        SCORES.write_text(json.dumps(measure(boldface.load("smollm2"), "steered", Path(folder)), indent=1) + "\n")
