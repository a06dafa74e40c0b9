from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.errors import TaskError
from boldface.metrics.statistics import Estimate, estimate, holm, mean_of, paired

pytest.importorskip("scipy", reason="scipy is of the evaluate extra")

numbers = st.floats(-100, 100).map(lambda number: round(number, 3))
shares = st.sampled_from([0.0, 0.25, 0.5, 1.0])
binary = st.sampled_from([0.0, 1.0])
samples = st.lists(numbers, min_size=2, max_size=30)
pairs = st.one_of(*(st.lists(st.tuples(kind, kind), min_size=1, max_size=20) for kind in (numbers, shares, binary)))


def keyed(values) -> dict[str, float]:
    return {str(place): value for place, value in enumerate(values)}


@given(samples, st.randoms(use_true_random=False))
def test_order_does_not_matter(values, random):
    """An estimate is the same for the same scores in any order, to the last bit."""
    mixed = values[:]
    random.shuffle(mixed)
    assert estimate(mixed) == estimate(values)


@given(st.one_of(samples, st.lists(shares, min_size=1)), st.booleans())
def test_the_interval_holds_the_mean(values, share):
    """The mean lies within its interval."""
    found = estimate(values, share=share)
    assert found.low <= found.mean <= found.high
    assert found.mean == pytest.approx(np.mean(values))
    assert found.n == len(values)


@given(st.lists(shares, min_size=1))
def test_shares_stay_shares(values):
    """The interval of a share lies between 0 and 1 and has a width, also where all groups are alike."""
    found = estimate(values, share=True)
    assert 0 <= found.low < found.high <= 1


def test_standard_error():
    """The standard error is the sample's deviation divided by the root of n."""
    assert estimate([1.0, 2.0, 3.0, 4.0]).stderr == pytest.approx(math.sqrt(5 / 3) / 2)


def test_wilson():
    """Of 8 right among 10 Wilson's interval is 0.490 to 0.943; of 0 among 10 it is 0 to 0.278 (Wilson 1927)."""
    found = estimate([1.0] * 8 + [0.0] * 2, share=True)
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    none = estimate([0.0] * 10, share=True)
    assert (none.low, none.high) == pytest.approx((0, 0.2775), abs=1e-4)
    every = estimate([1.0] * 10, share=True)
    assert (every.low, every.high) == pytest.approx((1 - 0.2775, 1), abs=1e-4)


def test_one_group_says_nothing_about_the_error():
    """One group has an infinite error; of an unbounded score the interval is infinite too."""
    assert estimate([3.0]) == Estimate(3.0, math.inf, -math.inf, math.inf, 1)
    assert estimate([1.0], share=True).low == pytest.approx(0.2065, abs=1e-4)


def test_numbers_that_are_alike_have_no_width():
    """A divergence of 0 everywhere is known to be 0, unlike a share of 0."""
    found = estimate([0.0] * 5)
    assert (found.stderr, found.low, found.high) == (0, 0, 0)


@pytest.mark.parametrize("values", [[], [math.nan, 1.0], [math.inf]])
def test_what_is_no_number_is_refused(values):
    """No value, nan and inf are errors, not figures."""
    with pytest.raises(TaskError):
        estimate(values)


@pytest.mark.parametrize("share", [True, False])
def test_coverage(share):
    """The 95 % interval of 60 groups holds the true mean in 90 to 98 % of 300 simulated samples."""
    draw = np.random.default_rng(5)
    held = 0
    for _ in range(300):
        values = draw.binomial(1, 0.3, 60).astype(float) if share else draw.gamma(2.0, 0.15, 60)
        found = estimate(values.tolist(), share=share)
        held += found.low <= 0.3 <= found.high
    assert 0.9 <= held / 300 <= 0.98


@given(pairs, st.booleans())
def test_a_against_itself(values, share):
    """Against itself the difference is 0 and p is 1."""
    side = keyed(a for a, _ in values)
    found = paired(side, side, share=share and all(0 <= value <= 1 for value in side.values()))
    assert (found.mean, found.p, found.missing) == (0, 1, 0)
    assert found.low <= 0 <= found.high


@given(pairs, st.booleans())
def test_antisymmetry(values, share):
    """b − a is exactly the opposite of a − b, with the same p."""
    a, b = keyed(a for a, _ in values), keyed(b for _, b in values)
    there, back = paired(a, b, share=share), paired(b, a, share=share)
    assert (there.mean, there.low, there.high) == (-back.mean, -back.high, -back.low)
    assert (there.p, there.n) == (back.p, back.n)


@given(pairs)
def test_the_interval_of_a_difference_holds_it(values):
    """The mean difference lies within its interval, and p is a probability."""
    found = paired(keyed(a for a, _ in values), keyed(b for _, b in values))
    assert found.low <= found.mean <= found.high
    assert 0 < found.p <= 1


@given(pairs, st.randoms(use_true_random=False))
def test_pairs_are_made_by_group(values, random):
    """The order of the groups does not matter, on either side."""
    a, b = keyed(a for a, _ in values), keyed(b for _, b in values)
    mixed = list(b.items())
    random.shuffle(mixed)
    assert paired(a, dict(mixed)) == paired(a, b)


def test_missing_groups_are_counted():
    """Groups of one side alone are left out and counted; sides without a common group are refused."""
    found = paired({"x": 1.0, "y": 2.0, "only a": 9.0}, {"x": 0.0, "y": 0.0, "only b": 7.0, "also b": 7.0})
    assert (found.mean, found.n, found.missing) == (1.5, 2, 3)
    with pytest.raises(TaskError):
        paired({"x": 1.0}, {"y": 1.0})


def test_mcnemar():
    """Of 10 pairs that differ 9 say a: p is 22 / 1024 (McNemar's exact test); pairs alike do not matter."""
    a, b = [1.0] * 9 + [0.0] + [1.0] * 30, [0.0] * 9 + [1.0] + [1.0] * 30
    assert paired(keyed(a), keyed(b)).p == pytest.approx(22 / 1024)


def test_sign_flips_exactly():
    """Differences 1, 2, 3: only + + + and − − − of eight reach their sum, so p is 1/4."""
    assert paired(keyed([1.0, 2.0, 3.0]), keyed([0.0] * 3)).p == 0.25


def test_sign_flips_at_random_agree_with_the_t_test():
    """For many differences the random flips agree with the paired t test."""
    from scipy import stats

    draw = np.random.default_rng(1)
    a, b = draw.normal(0.25, 1, 80), draw.normal(0, 1, 80)
    found = paired(keyed(a.tolist()), keyed(b.tolist()))
    assert found.p == pytest.approx(stats.ttest_rel(a, b).pvalue, abs=0.01)
    assert found.p < 0.2  # the test above compares something


def test_p_is_never_zero():
    """A difference that no random flip reaches has p = 1 in 10 000, not 0."""
    values = np.linspace(1, 2, 60).tolist()
    assert paired(keyed(values), keyed([0.0] * 60)).p == 1e-4


def test_p_is_uniform_where_nothing_differs():
    """Where a and b are of one kind, p is below 0.05 in no more than 5 % of simulations, give or take."""
    draw = np.random.default_rng(3)
    below = 0
    for _ in range(200):
        found = paired(keyed(draw.normal(size=10).tolist()), keyed(draw.normal(size=10).tolist()))
        below += found.p < 0.05
    assert 0 < below <= 20


def test_a_clean_sweep_has_an_interval():
    """0 of 20 against 20 of 20 is a difference of 1 with room for pairs that were not met."""
    found = paired(keyed([1.0] * 20), keyed([0.0] * 20), share=True)
    unmet = 1.96**2 / (20 + 1.96**2)
    assert (found.mean, found.high, found.p) == (1, 1, pytest.approx(2 / 2**20))
    assert found.low == pytest.approx(1 - 2 * unmet, abs=1e-4)


def test_holm():
    """Holm's adjustment of a textbook family, in the order in which it was given."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1))
def test_holm_only_raises(values):
    """Adjusted p-values are no smaller, no greater than 1, and keep their order."""
    adjusted = holm(values)
    assert all(before <= after <= 1 for before, after in zip(values, adjusted, strict=True))
    assert [adjusted[i] for i in np.argsort(values, kind="stable")] == sorted(adjusted)


@given(st.lists(st.floats(0, 1).map(lambda mean: Estimate(mean, 0.1, 0.0, 1.0, 7)), min_size=1, max_size=6))
def test_errors_of_a_mean(estimates):
    """Errors of like estimates stay as they are, those of independent ones shrink with the root of their number."""
    alike, apart = mean_of(estimates, alike=True), mean_of(estimates, alike=False)
    assert alike.stderr == pytest.approx(0.1)
    assert apart.stderr == pytest.approx(0.1 / math.sqrt(len(estimates)))
    assert alike.mean == apart.mean == pytest.approx(np.mean([each.mean for each in estimates]))
    assert alike.low <= alike.mean <= alike.high
