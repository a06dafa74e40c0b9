"""Jobs over Ray: the answers of one process."""

from __future__ import annotations

import pytest

import boldface
from boldface.profiling.laboratory import Budget
from boldface.sweeps.run import search
from boldface.sweeps.workers import Here, Job, Team

pytest.importorskip("ray", reason="ray is of the ray extra")
pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]


def told(store):
    """Lines of answers without their time."""
    found = {}
    for line in store.records.values():
        if line["kind"] in ("answer", "example"):
            found[line["key"]] = {name: value for name, value in line.items() if name != "cost"}
    return found


def test_two_workers_give_the_answers_of_one_process(sweep, yes_no_llama, profile, questions, folder, tmp_path):
    """Every answer of every point, and the same front; what is there already is not asked again."""
    place = tmp_path / "model"
    for part in yes_no_llama:
        part.save_pretrained(place)
    model = boldface.load(str(place))
    with sweep("here", sampler="grid") as opened:
        opened.workers = Here(model, questions, folder, opened.store, profile)
        _, alone = search(opened)
        here = told(opened.store)
    (tmp_path / "points.journal").unlink()
    with sweep("team", sampler="grid") as opened:
        inner = Here(model, questions, folder, opened.store, profile)
        with Team(inner, count=2) as team:
            opened.workers = team
            _, together = search(opened)
            assert told(opened.store) == here
            before = dict(opened.store.records)
            (done,) = team.run(iter([Job(together[0].arm)]))
            assert done.whole and opened.store.records == before
            (late,) = team.run(iter([Job("steered:strength=2.5:heads=2:scope=all", until=0.0)]))
            assert not late.whole
    assert {(one.arm, one.front) for one in alone} == {(one.arm, one.front) for one in together}


def test_a_budget_of_points_counts_those_in_flight(sweep, yes_no_llama, profile, questions, folder, tmp_path):
    """Two workers and three points: three, not four."""
    place = tmp_path / "model"
    for part in yes_no_llama:
        part.save_pretrained(place)
    model = boldface.load(str(place))
    with (
        sweep("team", sampler="grid", budget=Budget(None, 3)) as opened,
        Team(Here(model, questions, folder, opened.store, profile), count=2) as team,
    ):
        opened.workers = team
        _, tried = search(opened)
    assert len(tried) == 3
