"""What share of an arm's gain over plain another arm keeps: detected spans of marked ones, one scope of another.

    python benchmarks/kept_gain.py FILES … --of steered --by auto=evidence --metric f1
    python benchmarks/kept_gain.py counterfact.jsonl --of steered --by answer-scope --metric efficacy

FILES are records of ``boldface evaluate``. A row of every case, and one of all questions pooled, all counting alike.
Intervals are percentiles of 4 000 resamples of the questions, within their case; those without a gain have no share.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from boldface.evaluation.record import Case
from boldface.evaluation.results import Results
from boldface.metrics.statistics import Estimate, estimate

RESAMPLES = 4000


def main() -> None:
    """Read the files, and print a table for every arm."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--of", default="steered", help="the arm whose gain it is")
    parser.add_argument("--by", nargs="+", required=True, help="arms that may keep it")
    parser.add_argument("--metric", default="f1")
    asked = parser.parse_args()
    results = Results.load(asked.files)
    for by in asked.by:
        arms = ("plain", asked.of, by)
        print(f"\n| {asked.metric} % | rows | {' | '.join(arms)} | {by} − plain | share of the gain kept |")
        print("|---|---|---|---|---|---|---|")
        scored = {case: columns(results, case, arms, asked.metric) for case in results.cases}
        found = {name(case): rows for case, rows in scored.items() if len(rows)}
        for title, rows in found.items():
            print(line(title, [rows]))
        if len(found) > 1:
            print(line("pooled", list(found.values())))


def name(case: Case) -> str:
    """Return a case in words."""
    return case.task if case.variant == "original" else f"{case.task}, {case.variant}"


def columns(results: Results, case: Case, arms: Sequence[str], metric: str) -> NDArray[np.float64]:
    """Return (rows, arms): the score of every row that all arms answered."""
    if not set(arms) <= set(results.arms(case)):
        return np.empty((0, len(arms)))
    scores = [results.scores(case, arm, metric) for arm in arms]
    both = [group for group in scores[0] if all(group in each for each in scores)]
    return np.array([[each[group] for each in scores] for group in both]).reshape(-1, len(arms))


class Between(NamedTuple):
    """A figure and its 95 % interval."""

    mean: float
    low: float
    high: float


class Gain(NamedTuple):
    """What some questions show of plain, an arm with a gain, and one that may keep it.

    Attributes:
        rows: Questions.
        means: Of the three.
        more: The third above plain.
        kept: The share of the second's gain that the third keeps; None where that gain is not certain.
    """

    rows: int
    means: tuple[Estimate, ...]
    more: Between
    kept: Between | None


def gain(cases: Sequence[NDArray[np.float64]]) -> Gain:
    """Return the figures of cases of (rows, 3) scores each, all rows counting alike."""
    rows = np.concatenate(cases)
    means = tuple(estimate(column) for column in rows.T)
    dice = np.random.default_rng(0)
    again = np.zeros((RESAMPLES, rows.shape[1]))
    for each in cases:
        again += each[dice.integers(len(each), size=(RESAMPLES, len(each)))].sum(axis=1) / len(rows)
    plain, better, by = (one.mean for one in means)
    more, above = again[:, 2] - again[:, 0], again[:, 1] - again[:, 0]
    kept = None
    if np.percentile(above, 2.5) > 0:
        shares = more[above > 0] / above[above > 0]
        kept = Between((by - plain) / (better - plain), *np.percentile(shares, (2.5, 97.5)).tolist())
    return Gain(len(rows), means, Between(by - plain, *np.percentile(more, (2.5, 97.5)).tolist()), kept)


def line(title: str, cases: Sequence[NDArray[np.float64]]) -> str:
    """Return a row of the table: means, the paired difference and the share, with their intervals."""
    found = gain(cases)
    cells = [f"{100 * one.mean:.1f} ± {100 * one.stderr:.1f}" for one in found.means]
    cells += [difference(found.more), share(found.kept)]
    return f"| {title} | {found.rows} | {' | '.join(cells)} |"


def difference(more: Between) -> str:
    """Return a difference of shares in points of percent."""
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * one for one in more))


def share(kept: Between | None) -> str:
    """Return a share of a gain in percent."""
    return "no certain gain" if kept is None else "{:.0f} % [{:.0f}, {:.0f}]".format(*(100 * one for one in kept))


if __name__ == "__main__":
    main()
