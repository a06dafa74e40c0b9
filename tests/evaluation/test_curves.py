"""Curves of scores against noise."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("scipy", reason="scipy is of the evaluate extra")

from boldface.evaluation.curves import curves
from boldface.metrics.statistics import Estimate
from boldface.tasks.task import Metric

SHARE = Metric("share", "Share", "A share.")


def at(mean: float) -> Estimate:
    return Estimate(mean, 0.05, mean - 0.1, mean + 0.1, 80)


def test_a_curve_goes_from_no_noise_to_the_most():
    """Levels are evenly spaced in their order, the arm without noise is the first, and up is better."""
    (plot,) = curves(
        {"plain": at(0.2), "steered": at(0.8), "steered@shift=9": at(0.4), "steered@shift=2": at(0.6)}, SHARE
    )
    (curve,) = plot.curves
    assert [(dot.x, round(dot.y, 6)) for dot in curve.dots] == [(0, 20), (50, 40), (100, 60)]
    assert curve.dots[0].whisker == pytest.approx((30, 10))
    assert [text for _, text in plot.x_axis.ticks] == ["0", "2", "9"]
    assert (curve.number, curve.arm.name, plot.reference) == (1, "steered", pytest.approx(80))


def test_every_kind_has_its_plot_and_every_arm_its_number():
    """An arm keeps its number from plot to plot; where no level is no noise, the curve begins at the least."""
    known = {"steered": at(0.8), "pasta": at(0.5)} | {
        f"{base}@{noise}": at(0.4) for base in ("steered", "pasta") for noise in ("cut=0.5", "cover=0.5", "cover=1")
    }
    cut, cover = curves(known | {"pasta@extra=1": at(0.3)}, SHARE)[:2]
    assert [text for _, text in cut.x_axis.ticks] == ["0", "0.5"]
    assert [text for _, text in cover.x_axis.ticks] == ["0.5", "1"]
    assert [(curve.number, curve.arm.name) for curve in cut.curves] == [(1, "steered"), (2, "pasta")]
    assert cut.reference is None


def test_numbers_at_the_ends_do_not_cover_each_other():
    """Curves that end at one height have numbers that can be told apart."""
    bases = ("steered", "pasta", "all-heads", "spotlight")
    (plot,) = curves({name: at(0.5) for base in bases for name in (base, f"{base}@shift=3")}, SHARE)
    ends = sorted(curve.end for curve in plot.curves)
    assert min(after - before for before, after in itertools.pairwise(ends)) >= 6


def test_one_level_is_no_curve():
    """A level alone, or an error without levels, is not drawn."""
    assert curves({"plain": at(0.2), "steered@shift=3": at(0.5), "steered@random": at(0.2)}, SHARE) == ()
