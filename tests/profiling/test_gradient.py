"""Slopes: the effects of all heads at once, as long as the strength is small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from boldface.errors import ProfilingError
from boldface.profiles.heads import Head
from boldface.profiling.exhaustive import Exhaustive
from boldface.profiling.gradient import Gradient
from boldface.profiling.laboratory import Budget, Laboratory
from boldface.profiling.local import Local
from boldface.profiling.measure import heads_of
from boldface.profiling.racing import Race
from boldface.records.store import Store

HEADS = [(layer, head) for layer in range(3) for head in range(4)]
SMALL = 0.02


def test_at_a_small_strength_slopes_are_the_exhaustive_effects(tiny, teach, tmp_path):
    """On a real model, for every head, sign included; and in one trial a batch instead of one a head."""
    lessons = {"json": [teach(words) for words in (1, 2, 3, 4, 5, 6)]}
    with Store(tmp_path / "trials.jsonl", {}) as store:
        lab = Laboratory(store, Local(tiny))
        slopes = Gradient(strength=SMALL, batch=3).rank(lab, lessons, heads_of(tiny))["json"]
        assert lab.spent.trials == 2
        effects = Exhaustive(Race(strength=SMALL, racing=False)).rank(lab, lessons, heads_of(tiny))["json"]
    ours, theirs = (np.array([one.effects[Head(*head)].mean for head in heads_of(tiny)]) for one in (slopes, effects))
    assert np.abs(theirs).max() > 50e-6  # far above what rounding to seven digits does
    assert ours == pytest.approx(theirs, abs=0.05 * np.abs(theirs).max())
    assert slopes.agreement(effects) > 0.9


def test_slopes_grow_with_the_strength(tiny, teach, tmp_path):
    """The score's slope to a gain is the strength times its slope to the bias."""
    lessons = {"json": [teach(2)]}
    with Store(tmp_path / "trials.jsonl", {}) as store:
        lab = Laboratory(store, Local(tiny))
        one, two = (Gradient(strength=nats).rank(lab, lessons, heads_of(tiny))["json"] for nats in (1.0, 2.0))
    for head, effect in one.effects.items():
        assert two.effects[head].mean == pytest.approx(2 * effect.mean, rel=1e-4, abs=1e-7)


def test_slopes_are_averaged_over_rows(world, rows_of):
    """Mean and error over data rows, whatever the batches."""
    workers = world({head: float(sum(head)) for head in HEADS}, noise=0.5)
    lessons = {"json": rows_of(10, each=2), "pronouns": rows_of(3, "pronouns")}
    found = Gradient(batch=3).rank(workers.laboratory(), lessons, HEADS)
    slopes = np.array([workers.slopes(lesson) for lesson in rows_of(10)])
    assert (found["json"].rows, found["json"].given, found["json"].ended) == (10, 10, "rows")
    for at, head in enumerate(workers.heads):
        expected = slopes[:, at].mean(), slopes[:, at].std(ddof=1) / np.sqrt(10), 10
        assert found["json"].effects[head] == pytest.approx(expected)
    assert found["pronouns"].rows == 3


def test_calm_lessons_do_not_count(world, rows_of):
    """Their slope at gain 0 is 0 by nature: they would only make everything look small and sure."""
    lessons = [replace(one, kind="calm" if place % 2 else "obey") for place, one in enumerate(rows_of(8))]
    workers = world({head: float(sum(head)) for head in HEADS})
    ranking = Gradient().rank(workers.laboratory(), {"json": lessons}, HEADS)["json"]
    assert (ranking.rows, ranking.given) == (4, 4)
    assert all(lesson.kind == "obey" for trial in workers.asked for lesson in trial.lessons)
    with pytest.raises(ProfilingError, match="no lessons"):
        Gradient().rank(workers.laboratory(), {"json": lessons[1::2]}, HEADS)


def test_a_spent_budget_ranks_on_the_rows_that_are_there(world, rows_of):
    """And says so; a task without any row is an error."""
    workers = world({head: float(sum(head)) for head in HEADS})
    lessons = {"json": rows_of(12), "pronouns": rows_of(12, "pronouns")}
    found = Gradient(batch=4).rank(workers.laboratory(budget=Budget(trials=3)), lessons, HEADS)
    assert {task: (ranking.rows, ranking.ended) for task, ranking in found.items()} == {
        "json": (8, "budget"),
        "pronouns": (4, "budget"),
    }
    with pytest.raises(ProfilingError, match="before 'pronouns'"):
        Gradient(batch=4).rank(workers.laboratory(budget=Budget(trials=1)), lessons, HEADS)


def test_heads_are_all_or_none(world, rows_of):
    """A slope belongs to a head by its place: fewer heads than slopes are refused."""
    workers = world({head: float(sum(head)) for head in HEADS})
    with pytest.raises(ProfilingError, match="5 heads are to be ranked, and the model has 12"):
        Gradient().rank(workers.laboratory(), {"json": rows_of(4)}, HEADS[:5])
