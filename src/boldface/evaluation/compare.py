"""Two runs, or two arms of one run, side by side: differences paired by group, adjusted for how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from boldface.errors import RecordError
from boldface.evaluation.quality import MATCHED, matched_pair
from boldface.evaluation.record import Case
from boldface.evaluation.results import Results
from boldface.metrics.statistics import Difference, Estimate, estimate, paired
from boldface.metrics.statistics import holm as adjusted
from boldface.tasks.task import Metric


@dataclass(frozen=True)
class Row:
    """One metric on both sides.

    Attributes:
        case: What was asked.
        arm_a: Arm on side a.
        arm_b: Arm on side b.
        metric: What is measured.
        a: Mean on side a, over all its groups; None is n/a.
        b: Mean on side b, likewise.
        difference: b − a over the groups that both have; its ``missing`` counts the others. None when they have none.
        holm: The difference's p-value, adjusted (Holm) over all rows of the same case; None without a difference.
    """

    case: Case
    arm_a: str
    arm_b: str
    metric: Metric
    a: Estimate | None
    b: Estimate | None
    difference: Difference | None
    holm: float | None = None


@dataclass(frozen=True)
class _Side:
    results: Results
    arm: str


def compare(a: Results, b: Results) -> list[Row]:
    """Return b − a for every case, arm and metric that both hold; :func:`unmatched` tells what only one holds.

    Fluency at equal length is matched between the two sides alone.

    Raises:
        RecordError: The same example id means different examples, or nothing is in both.
    """
    _check_examples(a, b)
    rows = [
        row
        for case in a.cases
        for arm in a.arms(case)
        if arm in b.arms(case)
        for row in _rows(case, _Side(a, arm), _Side(b, arm))
    ]
    if not rows:
        raise RecordError(
            "The two runs have no arm of any case in common.",
            "Run the same task, setting, wording, split and arm twice.",
        )
    return _with_holm(rows)


def compare_arms(results: Results, arm_a: str, arm_b: str) -> list[Row]:
    """Return arm_b − arm_a for every case and metric of one run that both arms answered.

    Raises:
        RecordError: No case has both arms.
    """
    cases = [case for case in results.cases if {arm_a, arm_b} <= {*results.arms(case)}]
    if not cases:
        arms = dict.fromkeys(arm for case in results.cases for arm in results.arms(case))
        raise RecordError(f"No case has both {arm_a!r} and {arm_b!r}.", f"Choose among {', '.join(arms)}.")
    return _with_holm([row for case in cases for row in _rows(case, _Side(results, arm_a), _Side(results, arm_b))])


def unmatched(a: Results, b: Results) -> tuple[list[tuple[Case, str]], list[tuple[Case, str]]]:
    """Return the cases and arms that only a holds, and those that only b holds."""
    there = [[(case, arm) for case in results.cases for arm in results.arms(case)] for results in (a, b)]
    return [each for each in there[0] if each not in there[1]], [each for each in there[1] if each not in there[0]]


def _check_examples(a: Results, b: Results) -> None:
    for asked, keys in a.contents.digests.items():
        other = b.contents.digests.get(asked, {})
        if changed := [id for id in keys.keys() & other.keys() if keys[id] != other[id]]:
            raise RecordError(
                f"{len(changed)} of {len(keys.keys() & other.keys())} examples that both have of {asked.task} "
                f"({asked.variant}, {asked.split}) differ, {min(changed)!r} for one.",
                "Run both with the same data and the same release of boldface.",
            )


def _rows(case: Case, a: _Side, b: _Side) -> Iterator[Row]:
    for metric in a.results.metrics(case):
        share = metric.unit == "share"
        if metric.name == MATCHED:
            sides = matched_pair(*(side.results.words(case, side.arm) for side in (a, b)))
            before, after = (
                side.results.joined(case, metric, scores) for side, scores in zip((a, b), sides, strict=True)
            )
        else:
            before, after = (side.results.scores(case, side.arm, metric.name) for side in (a, b))
        yield Row(
            case,
            a.arm,
            b.arm,
            metric,
            estimate(before.values(), share=share) if before else None,
            estimate(after.values(), share=share) if after else None,
            paired(after, before, share=share) if before.keys() & after.keys() else None,
        )


def _with_holm(rows: Sequence[Row]) -> list[Row]:
    found = []
    for _, of_case in groupby(rows, key=lambda row: row.case):
        family = list(of_case)
        values = iter(adjusted([row.difference.p for row in family if row.difference is not None]))
        found += [row if row.difference is None else replace(row, holm=next(values)) for row in family]
    return found
