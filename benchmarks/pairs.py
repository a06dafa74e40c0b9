"""Interleaved timing: every round runs every arm once, in random order, and the ratio is taken inside the round.

What drifts (clock, heat, neighbours) hits all arms of a round alike, so the median of the rounds' ratios is steady
where the ratio of two medians is not.
"""

from __future__ import annotations

import gc
import random
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from store import Rounds

RESAMPLES = 2000


class Ratio(NamedTuple):
    """Median of the rounds' ratios with its bootstrap 95 % interval."""

    median: float
    low: float
    high: float
    rounds: int

    @property
    def percent(self) -> str:
        """The same as a change in percent."""
        low, median, high = (f"{100 * (x - 1):+.1f}" for x in (self.low, self.median, self.high))
        return f"{median} % [{low}, {high}]"


def ratio(rounds: Iterable[Mapping[str, float]], arm: str, against: str) -> Ratio:
    """Return how many times longer ``arm`` took than ``against``, over the rounds that hold both."""
    ratios = [one[arm] / one[against] for one in rounds if arm in one and against in one]
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    low, high = medians[round(0.025 * RESAMPLES)], medians[round(0.975 * RESAMPLES) - 1]
    return Ratio(statistics.median(ratios), low, high, len(ratios))


def interleave(
    store: Rounds, case: str, arms: Mapping[str, Callable[[], float]], rounds: int, *, warmup: int = 1, every: int = 1
) -> None:
    """Time the arms until the case has so many rounds in the store; each arm returns the seconds it took.

    Args:
        store: Takes every round as it ends.
        case: What is measured.
        arms: The first is what the others are compared with.
        rounds: Rounds wanted, those already in the store included.
        warmup: Untimed rounds before the first.
        every: How often the figures so far are printed, in rounds.
    """
    done = len(store.rounds(case))
    for number in range(done - warmup if done < rounds else rounds, rounds):
        order = list(arms)
        random.Random(f"{case} {number}").shuffle(order)
        seconds = {}
        for name in order:
            gc.collect()
            gc.disable()
            try:
                seconds[name] = arms[name]()
            finally:
                gc.enable()
        if number < done:
            continue
        store.add(case, {name: seconds[name] for name in arms})
        if (number + 1) % every == 0 or number + 1 == rounds:
            print(f"{case}: {summary(store.rounds(case))}", flush=True)


def summary(rounds: Sequence[Mapping[str, float]], unit: str = "s") -> str:
    """Return one line: what the first arm took, and how much more each other arm."""
    first, *others = rounds[0]
    plain = amount(statistics.median(one[first] for one in rounds), unit)
    figures = [f"{name} {ratio(rounds, name, first).percent}" for name in others]
    return "; ".join([f"{len(rounds)} rounds, {first} {plain}", *figures])


def amount(value: float, unit: str) -> str:
    """Return a figure for people."""
    if unit != "s":
        return f"{value:.0f} {unit}"
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.3g} ms"
