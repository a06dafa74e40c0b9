from __future__ import annotations

import itertools
from math import inf

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

pytest.importorskip("scipy", reason="scipy is of the evaluate extra")

from boldface.evaluation.arms import DEFAULT, find_arm
from boldface.evaluation.figures import axis_of, scatter, whiskers
from boldface.evaluation.numerals import interval, p_value, seconds, with_error, written
from boldface.metrics.statistics import Estimate
from boldface.tasks.task import Metric

SHARE = Metric("share", "Share", "A share.")
BITS = Metric("bits", "Bits", "Some bits.", unit="bits")
NUMBERS = st.floats(-1e4, 1e4).map(lambda number: round(number, 3))


@given(st.lists(NUMBERS, min_size=1))
@example([4.6])
def test_an_axis_holds_its_values(means: list[float]):
    """Every mean lies on the axis; its two to ten ticks are evenly spaced from one end to the other."""
    axis = axis_of(BITS, [Estimate(mean, inf, -inf, inf, 1) for mean in means])
    assert axis.low <= min(means) <= max(means) <= axis.high
    places = [place for place, _ in axis.ticks]
    assert places[0] == 0 and places[-1] == 100
    assert 2 <= len(places) <= 10
    gaps = [after - before for before, after in itertools.pairwise(places)]
    assert max(gaps) - min(gaps) < 0.05


@given(st.lists(NUMBERS, min_size=1))
def test_ticks_differ(means: list[float]):
    """No two ticks of an axis have the same words."""
    texts = [text for _, text in axis_of(BITS, [Estimate(mean, 0.1, mean, mean, 9) for mean in means]).ticks]
    assert len(set(texts)) == len(texts)


def test_shares_have_the_whole_scale():
    """A share's axis goes from 0 to 100 %, however close the arms are."""
    axis = axis_of(SHARE, [Estimate(0.5, 0.01, 0.48, 0.52, 99)])
    assert (axis.low, axis.high) == (0, 1)
    assert axis.ticks == ((0, "0"), (25, "25"), (50, "50"), (75, "75"), (100, "100"))


def test_whiskers_stand_where_the_numbers_are():
    """A dot stands at the mean and its line at the interval, in per cent of the width; n/a arms are left out."""
    plot = whiskers([(find_arm("plain"), Estimate(0.4, 0.05, 0.3, 0.5, 80)), (find_arm("steered"), None)], SHARE)
    assert plot is not None
    (row,) = plot.rows
    assert (row.mean, row.interval, plot.reference) == (40, (30, 50), 40)
    assert row.text == "40.0 ± 5.0"
    assert whiskers([(find_arm("plain"), None)], SHARE) is None


def test_numbers_in_a_scatter_are_apart():
    """Arms that fall on one point keep numbers that do not cover each other, nor leave the plot."""
    alike = Estimate(0.5, 0.05, 0.4, 0.6, 80)
    plot = scatter([(find_arm(arm), alike, alike) for arm in DEFAULT], SHARE, SHARE)
    assert plot is not None
    labels = [point.label for point in plot.points]
    assert all(0 <= x <= 100 and 0 <= y <= 100 for x, y in labels)
    for one, (x, y) in enumerate(labels):
        for a, b in labels[:one]:
            assert abs(x - a) * 3.0 >= 17.9 or abs(y - b) * 2.4 >= 12.9


def test_a_scatter_grows_upwards():
    """The better arm stands higher: y is counted from the top of the page."""
    low, high = Estimate(0.1, 0.05, 0.0, 0.2, 80), Estimate(0.9, 0.05, 0.8, 1.0, 80)
    plot = scatter([(find_arm("plain"), low, low), (find_arm("steered"), high, high)], SHARE, SHARE)
    assert plot is not None
    assert [(point.x, point.y) for point in plot.points] == [(10, 90), (90, 10)]


def test_numbers_are_written_for_people():
    """Shares in per cent, a real minus sign, no minus zero, p and seconds in few digits."""
    assert written(0.6, "share") == "60.0"
    assert written(-0.0234, "share", signed=True) == "−2.3"
    assert written(-0.0001, "share", signed=True) == "0.0"
    assert with_error(Estimate(3.14159, 0.1, 3, 3.3, 9), "bits") == "3.14 ± 0.10"
    assert with_error(Estimate(1.0, inf, -inf, inf, 1), "count") == "1.00"
    assert interval(0.1, 0.2, "share") == "[10.0, 20.0]"
    assert interval(-inf, inf, "share") == "none"
    assert [p_value(p) for p in (0.0001, 0.0421, 0.5)] == ["< 0.001", "0.042", "0.50"]
    assert [seconds(time) for time in (0.0123, 2.5)] == ["12.3 ms", "2.50 s"]
