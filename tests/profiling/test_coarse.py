"""Layers first: cheaper, and blind to what hides in a bad layer."""

from __future__ import annotations

import pytest

from boldface.errors import ProfilingError
from boldface.profiling.coarse import Coarse
from boldface.profiling.exhaustive import Exhaustive
from boldface.profiling.laboratory import Budget
from boldface.profiling.racing import Race

HEADS = [(layer, head) for layer in range(8) for head in range(4)]
SLOW = Race(racing=False)


def test_only_heads_of_the_best_layers_are_ranked(world, rows_of):
    """The layers that do most together, of every task by itself, and the order of their heads is the exhaustive one."""
    true = {head: head[0] + 0.1 * head[1] for head in HEADS}
    lab = world(true, noise=0.01).laboratory()
    lessons = {"json": rows_of(8)}
    ranking = Coarse(SLOW, keep=0.25).rank(lab, lessons, HEADS)["json"]
    whole = Exhaustive(SLOW).rank(lab, lessons, HEADS)["json"]
    assert {head.layer for head in ranking.effects} == {6, 7}
    assert set(ranking.top(8)) == set(whole.top(8))
    assert {head: ranking.effects[head] for head in ranking.order} == {
        head: whole.effects[head] for head in ranking.order
    }


def test_it_costs_layers_and_the_heads_of_those_kept(world, rows_of):
    """8 layers and 2 of them with 4 heads each, beside the plain model (measured once), instead of 32 heads."""
    workers = world({head: float(sum(head)) for head in HEADS})
    lab = workers.laboratory()
    Coarse(SLOW, keep=0.25).rank(lab, {"json": rows_of(8)}, HEADS)
    assert len(workers.asked) == 8 + 8 + 1


def test_it_misses_a_good_head_in_a_bad_layer(world, rows_of):
    """What the method cannot see, the exhaustive one does."""
    true = {head: 0.1 * (head[0] > 3) for head in HEADS} | {(0, 0): 1.0, (0, 1): -0.9, (0, 2): -0.9}
    lab = world(true).laboratory()
    lessons = {"json": rows_of(8)}
    assert (0, 0) in Exhaustive(SLOW).rank(lab, lessons, HEADS)["json"].top(1)
    assert (0, 0) not in Coarse(SLOW).rank(lab, lessons, HEADS)["json"].effects


def test_a_budget_spent_on_layers_ranks_no_head(world, rows_of):
    """An error says so, rather than a ranking of nothing."""
    lab = world({head: float(sum(head)) for head in HEADS}).laboratory(budget=Budget(trials=9))
    with pytest.raises(ProfilingError, match="budget ended"):
        Coarse(SLOW).rank(lab, {"json": rows_of(8)}, HEADS)


@pytest.mark.parametrize("keep", [0, -0.5, 1.5])
def test_a_part_is_a_part(keep):
    """No less than nothing, no more than all."""
    with pytest.raises(ProfilingError, match="cannot be kept"):
        Coarse(keep=keep)
