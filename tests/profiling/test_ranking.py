"""Rankings: best first, comparable, honest about luck, and stored without loss."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from boldface.errors import ProfilingError
from boldface.profiles.heads import Head
from boldface.profiling.ranking import Effect, Ranking, count

means = st.floats(-5, 5, allow_nan=False).map(lambda mean: round(mean, 1))  # often equal
effects = st.builds(Effect, means, st.floats(0, 3) | st.just(math.inf), st.integers(1, 99))
heads = st.builds(Head, st.integers(0, 4), st.integers(0, 4))


def ranking(effects, **more):
    """A ranking of these effects."""
    return Ranking("json", "exhaustive", effects, **{"given": 99, **more})


def of_means(*values, stderr=0.1, rows=9):
    """A ranking of heads of one layer by their mean effects."""
    return ranking({Head(0, head): Effect(mean, stderr, rows) for head, mean in enumerate(values)})


rankings = st.dictionaries(heads, effects, min_size=1).map(ranking)


@given(rankings)
def test_the_best_come_first(some: Ranking):
    """The order holds every head once, best first, the earlier of equals first; every top is its beginning."""
    found = [(-some.effects[head].mean, head) for head in some.order]
    assert found == sorted(found)
    assert set(some.order) == set(some.effects)
    for k in range(1, len(some.order) + 1):
        assert set(some.top(k)) == set(some.order[:k])
        assert set(some.top(k).values()) == {1.0}


@given(rankings, st.sampled_from(["rows", "settled", "budget"]))
def test_a_line_gives_the_ranking_back(some: Ranking, ended):
    """What is written is JSON without infinities, and what is read is what was written."""
    some = ranking(some.effects, ended=ended, given=7)
    line = json.loads(json.dumps(some.to_line(), allow_nan=False))
    assert Ranking.from_line(line) == some
    assert list(line["heads"]) == [str(head) for head in some.order]


@pytest.mark.parametrize("k", [0, -1, 4])
def test_no_more_heads_than_were_ranked(k):
    """A k out of range is refused, and the error says which are in range."""
    with pytest.raises(ProfilingError, match="1 to 3"):
        of_means(3, 2, 1).top(k)


@given(st.lists(st.tuples(means, means), min_size=2, max_size=12))
def test_agreement_is_spearmans(pairs):
    """As scipy has it, ties and all; of rankings without any order there is none."""
    ours, theirs = (of_means(*side) for side in zip(*pairs, strict=True))
    found = ours.agreement(theirs)
    if found is None:
        assert any(len(set(side)) == 1 for side in zip(*pairs, strict=True))
    else:
        assert found == pytest.approx(spearmanr(*zip(*pairs, strict=True)).statistic, abs=1e-12)


def test_agreement_is_over_the_heads_that_both_have():
    """A head that only one ranking has makes no difference."""
    whole = of_means(1, 2, 3, 0)
    part = ranking({Head(0, head): Effect(float(head), 0.1, 9) for head in range(3)})
    assert whole.agreement(part) == pytest.approx(1)
    assert part.agreement(of_means(3, 2, 1)) == pytest.approx(-1)
    assert part.agreement(ranking({Head(7, 7): Effect(1, 0.1, 9)})) is None


@given(st.integers(1, 40), st.integers(0, 99))
@settings(max_examples=20)
def test_heads_that_do_not_differ_look_as_good_as_the_placebo(k, seed):
    """Of heads with equal effects the best are best by luck alone, and the placebo says by how much."""
    drawn = 0.3 + np.random.default_rng(seed).normal(0, 0.1, 400)
    some = of_means(*drawn)
    seeming = np.mean([some.effects[head].mean for head in some.top(k)])
    assert some.placebo(k) == pytest.approx(seeming, abs=0.08)
    assert some.placebo(k) > 0.3 + 0.1


def test_there_is_no_luck_in_sure_figures():
    """Without errors the placebo is the mean effect; with one row it is not known."""
    assert of_means(1, 2, 3, stderr=0).placebo(2) == pytest.approx(2)
    with pytest.raises(ProfilingError, match="more rows"):
        of_means(1, 2, 3, stderr=math.inf, rows=1).placebo(2)


@given(st.floats(0.0001, 1), st.integers(1, 2000))
def test_a_share_is_at_least_one_head_and_at_most_all(share, of):
    """Shares become counts; the paper's share is the paper's count."""
    assert 1 <= count(share, of) <= of
    assert count(300 / 1024, 1024) == 300


def test_rows_are_those_of_the_heads_measured_longest():
    """A head that was settled early saw fewer."""
    assert ranking({Head(0, 0): Effect(1, 0.1, 4), Head(0, 1): Effect(1, 0.1, 9)}).rows == 9
