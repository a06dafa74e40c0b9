"""The paper's profiling: every head alone, on every task, beside the plain model."""

from __future__ import annotations

import pytest

from boldface.profiles.heads import Head, HeadGains
from boldface.profiling.exhaustive import Exhaustive
from boldface.profiling.laboratory import Laboratory
from boldface.profiling.local import Local
from boldface.profiling.measure import heads_of, measure
from boldface.profiling.racing import Race
from boldface.profiling.trial import Trial
from boldface.records.store import Store

HEADS = [(layer, head) for layer in range(5) for head in range(4)]


def test_an_effect_is_steered_less_plain(tiny, teach, tmp_path):
    """On a real model every head's effect is what two trials by hand give; nothing is left out or measured twice."""
    some = [teach(words) for words in (1, 2, 3, 4, 5)]
    with Store(tmp_path / "trials.jsonl", {}) as store:
        lab = Laboratory(store, Local(tiny))
        ranking = Exhaustive(Race(batch=5, racing=False)).rank(lab, {"json": some}, heads_of(tiny))["json"]
    assert set(ranking.effects) == {Head(*head) for head in heads_of(tiny)}
    assert (ranking.rows, ranking.given, ranking.ended, ranking.method) == (5, 5, "rows", "exhaustive")
    assert lab.spent.trials == len(heads_of(tiny)) + 1
    plain = measure(tiny, Trial(tuple(some), HeadGains(), Race().strength)).likelihood
    for head in (ranking.order[0], ranking.order[-1]):
        steered = measure(tiny, Trial(tuple(some), HeadGains([head]), Race().strength)).likelihood
        gained = [a - b for a, b in zip(steered, plain, strict=True)]
        assert ranking.effects[head].mean == pytest.approx(sum(gained) / 5, abs=1e-6)
    assert ranking.effects[ranking.order[0]].mean > 0.01


def test_without_racing_it_costs_a_pass_a_head_and_row(world, rows_of):
    """Heads and the plain model, times batches, times tasks."""
    lab = world({head: float(sum(head)) for head in HEADS}).laboratory()
    lessons = {"json": rows_of(20), "pronouns": rows_of(20, "pronouns")}
    found = Exhaustive(Race(batch=10, racing=False)).rank(lab, lessons, HEADS)
    assert lab.spent.trials == (len(HEADS) + 1) * 2 * 2
    assert {ranking.rows for ranking in found.values()} == {20}
    assert [ranking.task for ranking in found.values()] == list(found) == ["json", "pronouns"]


def test_lessons_of_a_row_are_one_observation(world, rows_of):
    """Five lessons on each of four rows are four rows."""
    lab = world({head: float(sum(head)) for head in HEADS}, noise=0.1).laboratory()
    ranking = Exhaustive(Race(racing=False)).rank(lab, {"json": rows_of(4, each=5)}, HEADS)["json"]
    assert (ranking.rows, ranking.given) == (4, 4)
    once = Exhaustive(Race(racing=False)).rank(lab, {"json": rows_of(4)}, HEADS)["json"]
    assert ranking.effects[HEADS[3]] == pytest.approx(once.effects[HEADS[3]], rel=1e-9)


def test_the_cuts_are_shares_of_the_heads(world, rows_of):
    """A quarter of twenty heads are five: that is the set a race settles first."""
    true = {head: float(place < 5) + 0.001 * place for place, head in enumerate(HEADS)}
    lab = world(true, noise=0.1).laboratory()
    ranking = Exhaustive(shares=(0.25,)).rank(lab, {"json": rows_of(60)}, HEADS)["json"]
    assert ranking.ended == "settled"
    assert ranking.rows < ranking.given
    assert set(ranking.top(5)) == set(HEADS[:5])
