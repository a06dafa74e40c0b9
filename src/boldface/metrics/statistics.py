"""Means with their errors, and paired comparisons. All is seeded: the same scores give the same figures, in any order.

The unit of observation is the group (a data row), never the single answer: answers to one row depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boldface.errors import MissingError, TaskError

CONFIDENCE = 0.95
RESAMPLES = 2000
FLIPS = 9999
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
_SEED = 0
_BATCH = 1_000_000  # numbers drawn at a time: bounds the memory, and the draws are the same for the same count

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean and how sure it is.

    Attributes:
        mean: Over the groups.
        stderr: Standard error of the mean; infinite for one group.
        low: Lower end of the 95 % interval; infinite for one group of an unbounded score.
        high: Upper end, likewise.
        n: Groups.
    """

    mean: float
    stderr: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Difference:
    """The mean of a − b over the groups that both have.

    Attributes:
        mean: Of the differences.
        low: Lower end of its 95 % interval; infinite for one group of an unbounded score.
        high: Upper end, likewise.
        p: Two-sided p-value of "it is chance which of the two got which score".
        n: Groups that were paired.
        missing: Groups that only one of the two has: they are not in the figures.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int
    missing: int = 0


def estimate(values: Iterable[float], *, share: bool = False) -> Estimate:
    """Return the mean of one score per group, with its standard error and 95 % interval.

    The interval is Wilson's (1927) for shares of right and wrong; for other scores the percentile bootstrap of 2 000
    resamples. The bootstrap has no width where all groups are alike: for shares the interval is then Wilson's bound
    for groups of another kind that were not met, 3.84 / (n + 3.84); other scores keep the zero width.

    Args:
        values: One a group.
        share: Whether the scores lie between 0 and 1 by their nature.

    Raises:
        TaskError: No value, or one that is not finite.
    """
    array = _array(values)
    mean = _mean(array)
    stderr = float(array.std(ddof=1)) / math.sqrt(len(array)) if len(array) > 1 else math.inf
    bounds = (0.0, 1.0) if share and array[0] >= 0 and array[-1] <= 1 else None
    if bounds and array[0] < array[-1] and np.isin(array, (0.0, 1.0)).all():
        interval = _scipy().binomtest(int(array.sum()), len(array)).proportion_ci(CONFIDENCE, method="wilson")
        return Estimate(mean, stderr, float(interval.low), float(interval.high), len(array))
    return Estimate(mean, stderr, *_interval(array, mean, bounds), len(array))


def paired(a: Mapping[str, float], b: Mapping[str, float], *, share: bool = False) -> Difference:
    """Return a − b, paired by group.

    The p-value flips the sign of each difference: where all that differ do so by the same amount (right and wrong) that
    is McNemar's exact test; else every combination of signs up to 2¹³, beyond that 9 999 random ones, counting the one
    observed (so p is at least 0.0001). The interval is the percentile bootstrap; shares whose pairs are all alike get
    the bound of :func:`estimate`.

    Args:
        a: Score by group.
        b: The same of the other side.
        share: Whether the scores lie between 0 and 1 by their nature.

    Raises:
        TaskError: No group in common, or a score that is not finite.
    """
    common = a.keys() & b.keys()
    missing = len(a.keys() | b.keys()) - len(common)
    if not common:
        raise TaskError(f"Nothing to pair: {len(a)} and {len(b)} groups have none in common.", "Run both on one split.")
    array = _array(a[group] - b[group] for group in common)
    # Of d and −d always the same one is resampled, so that a − b is exactly the opposite of b − a.
    there, back = array.tolist(), (-array[::-1]).tolist()
    if swapped := back > there:
        array = _array(-array)
    mean, p = _mean(array), _sign_flip(array)
    low, high = _interval(array, mean, (-1.0, 1.0) if share and np.abs(array).max() <= 1 else None)
    if back == there:  # d and −d are the same differences
        low, high = (low - high) / 2, (high - low) / 2
    if swapped:
        mean, low, high = -mean, -high, -low
    return Difference(mean + 0.0, low, high, p, len(array), missing)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of one family of comparisons, adjusted by Holm (1979), in their order."""
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = least
    return adjusted


@cache
def student(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t distribution of ``freedom`` degrees at ``probability``."""
    return float(_scipy().t.ppf(probability, freedom))


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation of paired values; None for fewer than two, or where one side is all ties."""
    ours, theirs = (_places(np.array(values, dtype=np.float64)) for values in (a, b))
    if len(ours) < 2 or not ours.std() or not theirs.std():
        return None
    return float(np.corrcoef(ours, theirs)[0, 1])


def _places(values: Values) -> Values:
    """Return the place of every value from 1 up; equal ones share the mean of their places."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    places: Values = (counts.cumsum() - (counts - 1) / 2)[which]
    return places


def mean_of(estimates: Sequence[Estimate], *, alike: bool) -> Estimate:
    """Return the mean of some estimates, each of the same weight, with its error by propagation.

    Args:
        estimates: At least one.
        alike: Whether they are of the same groups: then their errors are taken to add up fully, which is the most they
            can; else they are taken to be independent.
    """
    count = len(estimates)
    mean = math.fsum(each.mean for each in estimates) / count
    errors = [each.stderr for each in estimates]
    stderr = (math.fsum(errors) if alike else math.hypot(*errors)) / count
    return Estimate(mean, stderr, mean - _Z * stderr, mean + _Z * stderr, min(each.n for each in estimates))


def _array(values: Iterable[float]) -> Values:
    array = np.sort(np.fromiter(values, dtype=np.float64)) + 0.0  # no −0.0
    if not len(array):
        raise TaskError("There is no score to take a mean of.", "Look at the coverage: nothing was answered.")
    if not np.isfinite(array).all():
        raise TaskError("A score is not a finite number.", "Look for nan or inf in the file of records.")
    return array


def _mean(array: Values) -> float:
    return math.fsum(array) / len(array)


def _interval(array: Values, mean: float, bounds: tuple[float, float] | None) -> tuple[float, float]:
    """Return the bootstrap interval, or what can be said where it has no width."""
    if array[0] == array[-1]:
        if bounds:
            unmet = _Z**2 / (len(array) + _Z**2)
            low, high = (mean + unmet * (bound - mean) for bound in bounds)
            return low, high
        return (mean, mean) if len(array) > 1 else (-math.inf, math.inf)
    drawn = (
        _scipy()
        .bootstrap(
            (array,),
            np.mean,
            n_resamples=RESAMPLES,
            batch=max(1, _BATCH // len(array)),
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(_SEED),
        )
        .confidence_interval
    )
    return min(float(drawn.low), mean), max(float(drawn.high), mean)


def _sign_flip(differences: Values) -> float:
    sizes = np.sort(np.abs(differences[differences != 0]))
    count = len(sizes)
    if not count:
        return 1.0
    if sizes[0] == sizes[-1]:
        return float(_scipy().binomtest(int((differences > 0).sum()), count).pvalue)
    reached = abs(math.fsum(differences)) - 1e-9 * float(sizes.sum())  # sums of equal size may differ by rounding
    if 2**count <= FLIPS:
        signs = np.arange(2**count)[:, None] >> np.arange(count) & 1
        return float(np.mean(_reaches(signs, sizes, reached)))
    draw, left, hits = np.random.default_rng(_SEED), FLIPS, 0
    while left:
        rows = min(left, max(1, _BATCH // count))
        hits += int(_reaches(draw.integers(0, 2, (rows, count), dtype=np.int8), sizes, reached).sum())
        left -= rows
    return (hits + 1) / (FLIPS + 1)


def _reaches(signs: NDArray[Any], sizes: Values, reached: float) -> NDArray[np.bool_]:
    reaching: NDArray[np.bool_] = np.abs(2 * (signs @ sizes) - sizes.sum()) >= reached
    return reaching


@cache
def _scipy() -> Any:
    try:
        return import_module("scipy.stats")
    except ModuleNotFoundError as error:
        raise MissingError(
            "Errors and tests need scipy, which is missing.", "Run: pip install 'boldface[evaluate]'"
        ) from error
