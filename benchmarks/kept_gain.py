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

import numpy as np
from numpy.typing import NDArray

from boldface.evaluation.record import Case
from boldface.evaluation.results import Results
from boldface.metrics.statistics import estimate

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


def line(title: str, cases: Sequence[NDArray[np.float64]]) -> str:
    """Return a row of the table: means, the paired difference and the share, with their intervals."""
    rows = np.concatenate(cases)
    means = [estimate(column) for column in rows.T]
    dice = np.random.default_rng(0)
    again = np.zeros((RESAMPLES, rows.shape[1]))
    for each in cases:
        again += each[dice.integers(len(each), size=(RESAMPLES, len(each)))].sum(axis=1) / len(rows)
    more, gain = again[:, 2] - again[:, 0], again[:, 1] - again[:, 0]
    low, high = np.percentile(more, (2.5, 97.5))
    cells = [f"{100 * one.mean:.1f} ± {100 * one.stderr:.1f}" for one in means]
    cells.append(f"{100 * (means[2].mean - means[0].mean):+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]")
    if np.percentile(gain, 2.5) > 0:
        kept = (means[2].mean - means[0].mean) / (means[1].mean - means[0].mean)
        low, high = np.percentile(more[gain > 0] / gain[gain > 0], (2.5, 97.5))
        cells.append(f"{100 * kept:.0f} % [{100 * low:.0f}, {100 * high:.0f}]")
    else:
        cells.append("no certain gain")
    return f"| {title} | {len(rows)} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
