"""Strategies: laws of sets, and errors that say what to do."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.errors import ProfilingError
from boldface.profiles.heads import Head
from boldface.profiling.ranking import Effect, Ranking
from boldface.profiling.strategies import GRIDS, candidates, intersection, task_agnostic, task_specific, union

HEADS = [Head(layer, head) for layer in range(3) for head in range(3)]


def ranked(task, heads):
    """A ranking with the heads in this order."""
    return Ranking(task, "exhaustive", {head: Effect(-place, 0.1, 9) for place, head in enumerate(heads)}, 9)


orders = st.lists(st.permutations(HEADS), min_size=1, max_size=4)
rankings = orders.map(lambda some: {f"task {at}": ranked(f"task {at}", heads) for at, heads in enumerate(some)})
ks = st.integers(1, len(HEADS))


def common(rankings, k):
    """The intersection, or nothing."""
    try:
        return set(intersection(rankings, k))
    except ProfilingError:
        return set()


@given(rankings, ks)
def test_intersection_is_in_every_best_part_and_union_holds_them_all(some, k):
    """Both grow with k, and with all heads both are all."""
    tops = [set(ranking.order[:k]) for ranking in some.values()]
    assert common(some, k) == set.intersection(*tops)
    assert set(union(some, k)) == set.union(*tops)
    assert common(some, k - 1 or 1) <= common(some, k)
    assert set(intersection(some, len(HEADS))) == set(HEADS)
    for task in some:
        assert set(task_specific(some, task, k)) == set(some[task].order[:k])


@given(rankings.filter(lambda some: len(some) > 1), st.permutations(HEADS), ks)
def test_task_agnostic_never_looks_at_the_task(some, other, k):
    """Whatever the ranking on the task left out, the heads are those of the others."""
    without = next(iter(some))
    rest = {task: ranking for task, ranking in some.items() if task != without}
    for seen in (some, some | {without: ranked(without, other)}):
        assert {one.gains for one in candidates("task-agnostic", seen, [k, 9], [1.0], task=without)} == {
            one.gains for one in candidates("intersection", rest, [k, 9], [1.0])
        }
    assert set(task_agnostic(some, without, 9)) == set(HEADS)


@given(rankings.filter(lambda some: len(some) > 1), ks)
def test_an_empty_intersection_says_which_k_would_do(some, k):
    """The k of the hint gives the head it names, and the one before gives none."""
    try:
        intersection(some, k)
    except ProfilingError as error:
        assert f"{k} best" in error.message
        least, layer, head = map(int, re.search(r"k = (\d+) there is one, L(\d+)H(\d+)", error.hint).groups())
        assert least > k
        assert set(intersection(some, least)) >= {Head(layer, head)}
        with pytest.raises(ProfilingError):
            intersection(some, least - 1)


def test_rankings_without_a_common_head():
    """No k would do: the union would, or more layers."""
    some = {"a": ranked("a", HEADS[:3]), "b": ranked("b", HEADS[3:])}
    with pytest.raises(ProfilingError, match="share no head at all"):
        intersection(some, 3)


@given(rankings, st.sampled_from(sorted(GRIDS)), st.lists(ks, min_size=1), st.lists(st.floats(0.1, 9), min_size=1))
def test_candidates_are_every_set_once_at_every_strength(some, strategy, ks, strengths):
    """Sets that are alike come once, with their smallest k; gentle ones come first; all gains are 1."""
    task = next(iter(some)) if strategy in ("task-specific", "task-agnostic") else None
    try:
        found = candidates(strategy, some, ks, strengths, task=task)
    except ProfilingError:
        assert strategy in ("intersection", "task-agnostic")
        return
    assert len({(one.gains, one.strength) for one in found}) == len(found)
    assert {one.strength for one in found} == set(strengths)
    assert {one.k for one in found} <= set(ks)
    assert [(one.k, one.strength) for one in found] == sorted((one.k, one.strength) for one in found)
    assert all(one.gains and set(one.gains.values()) == {1.0} for one in found)
    if strategy == "union":
        assert {one.gains for one in found} == {union(some, k) for k in ks}


def test_empty_sets_are_passed_over_unless_all_are():
    """One k that gives heads is enough; with none the error names the largest tried."""
    some = {"a": ranked("a", HEADS), "b": ranked("b", HEADS[::-1])}
    assert [one.k for one in candidates("intersection", some, [2, 4, 5], [1.0])] == [5]
    with pytest.raises(ProfilingError, match=r"Up to k = 4 .* With k = 5 there is one, L1H1"):
        candidates("intersection", some, [2, 4], [1.0])


def test_a_method_that_ranks_few_heads_offers_small_sets():
    """Sizes beyond what was ranked are passed over, unless there is no other."""
    some = {"a": ranked("a", HEADS[:4]), "b": ranked("b", HEADS[:5])}
    assert [one.k for one in candidates("union", some, [2, 4, 5], [1.0])] == [2, 4]
    with pytest.raises(ProfilingError, match="no 5 best of the 4"):
        candidates("union", some, [5, 6], [1.0])


@pytest.mark.parametrize(
    ("find", "says"),
    [
        (lambda some: task_specific(some, "json", 2), "'json' was not ranked"),
        (lambda some: task_agnostic(some, "json", 2), "'json' was not ranked"),
        (lambda some: task_agnostic({"a": some["a"]}, "a", 2), "no ranking"),
        (lambda some: intersection({}, 2), "no ranking"),
        (lambda some: union(some, 10), "no 10 best"),
        (lambda some: candidates("task-specific", some, [2], [1.0]), "needs a task"),
        (lambda some: candidates("union", some, [], [1.0]), "nothing to try"),
        (lambda some: candidates("union", some, [1], []), "nothing to try"),
    ],
)
def test_what_cannot_be_had_is_refused(find, says):
    """By name."""
    with pytest.raises(ProfilingError, match=says):
        find({"a": ranked("a", HEADS), "b": ranked("b", HEADS)})
