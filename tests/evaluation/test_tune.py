"""Tuning: on the validation split, five values for everybody, the gentlest of the best."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boldface.errors import TaskError
from boldface.evaluation import tune
from boldface.evaluation.arms import GRIDS, find_arm
from boldface.evaluation.record import Case
from boldface.evaluation.results import Results
from boldface.evaluation.run import Request
from boldface.records.store import Store, read
from boldface.tasks.data import Data
from boldface.tasks.task import Metric


@pytest.fixture
def tuned(llama, profile, tmp_path, monkeypatch):
    """Tunes arms on a task, and returns the request with the lines that were written."""

    def go(task, *arms, route="auto", profile=profile):
        def load(paths):
            return Results.load(paths, {task.name: task})

        monkeypatch.setattr(tune, "Results", type("Loads", (), {"load": staticmethod(load)}))
        request = Request((task,), tuple(map(find_arm, arms)), rows=2)
        path = tmp_path / "tuned.jsonl"
        with Store(path, {"model": "tiny"}) as store:
            found = tune.tuned(llama, request, Data(None), store, profile=profile, rows=3, route=route)
        return found, read(path)[1]

    return go


def test_every_tunable_arm_is_tried_on_validation(tuned, chores):
    """Five values each on three rows of the validation split; nothing of another split is asked."""
    request, lines = tuned(chores, "plain", "steered", "spotlight", "instaboost=4")
    answers = [line for line in lines if line["kind"] == "answer"]
    assert {line["case"]["split"] for line in answers} == {"validation"}
    assert {line["arm"] for line in answers} == {
        f"{kind}={value:g}" for kind in ("steered", "spotlight") for value in GRIDS[kind]
    }
    assert len(answers) == 10 * 3 * 3
    said = {line["arm"]: line for line in lines if line["kind"] == "tuned"}
    assert list(said) == ["steered", "spotlight"]
    assert [arm.name for arm in request.arms] == [
        *("plain", "steered", "spotlight", "instaboost=4"),
        *(line["chosen"] for line in said.values()),
    ]
    assert (request.split, request.rows) == ("test", 2)


def test_the_best_setting_is_chosen(tuned, chores, tmp_path):
    """What is chosen has the highest mean, read back from the answers; of equals the gentlest."""
    _, lines = tuned(chores, "steered", "instaboost")
    results = Results.load([tmp_path / "tuned.jsonl"], {"chores": chores})
    case = Case("chores", "raw", "original", "validation")
    for line in (line for line in lines if line["kind"] == "tuned"):
        means = {
            value: results.estimate(case, f"{line['arm']}={value:g}", "right").mean for value in GRIDS[line["arm"]]
        }
        best = min(value for value, mean in means.items() if mean == max(means.values()))
        assert line["chosen"] == f"{line['arm']}={best:g}"
        assert list(line["scores"].values()) == list(means.values())


def test_ties_go_to_the_gentler_setting(tuned, chores):
    """Where every setting is as good, the first is chosen."""
    request, _ = tuned(replace(chores, score=lambda example, answer: {"right": 1.0}), "steered")
    assert request.arms[-1].name == f"steered={GRIDS['steered'][0]:g}"


def test_less_is_better_where_the_metric_says_so(tuned, chores):
    """A share that should be low is tuned towards low."""
    worse = replace(chores, metrics=(replace(chores.metrics[0], better="lower"),))
    _, lines = tuned(worse, "instaboost")
    (said,) = (line for line in lines if line["kind"] == "tuned")
    assert said["scores"][said["chosen"]] == max(said["scores"].values()) <= 0


def test_tuning_keeps_the_route(tuned, chores, llama, monkeypatch):
    """Settings are tried by the route that was asked for."""
    routes, running = set(), llama.running
    monkeypatch.setattr(
        llama,
        "running",
        lambda prepared, route="auto", **more: (
            routes.add((prepared.plan is None, route)),
            running(prepared, route, **more),
        )[1],
    )
    tuned(chores, "steered", route="reference")
    assert (False, "reference") in routes
    assert (False, "auto") not in routes


def test_what_cannot_be_tuned_is_told(tuned, chores):
    """Without a tunable arm, or a task that tells of obedience, tuning is an error and not a no-op."""
    with pytest.raises(TaskError, match="can be tuned"):
        tuned(chores, "plain", "random-heads", "steered=0.5")
    nats = replace(chores, metrics=(Metric("right", "KL", "Nats.", unit="nats", better="lower"),))
    with pytest.raises(TaskError, match="tuned on these tasks"):
        tuned(nats, "steered")


def test_an_arm_that_cannot_run_is_told_before_tuning(tuned, chores, tmp_path):
    """Arms that are not tuned are tried first as well."""
    with pytest.raises(TaskError, match="needs a profile"):
        tuned(chores, "instaboost", "random-heads", profile=None)
    assert not [line for line in read(tmp_path / "tuned.jsonl")[1] if line["kind"] == "answer"]
