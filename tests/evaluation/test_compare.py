from __future__ import annotations

from collections.abc import Sequence

import pytest

from boldface.errors import RecordError
from boldface.evaluation.compare import compare, compare_arms, unmatched
from boldface.evaluation.record import example_line
from boldface.tasks.example import Answer

LONG = "the yes was said and nothing else came after it"


def alike(groups: Sequence[str], texts: Sequence[str]) -> dict[str, Sequence[str]]:
    return {group: texts for group in groups}


def test_compare_two_runs(results, says, case):
    """b − a, paired by group, for what both hold; p adjusted over the rows of a case; the rest is told."""
    groups = [f"row {place}" for place in range(8)]
    a = results(says({"plain": alike(groups, [LONG]), "old": {"row 0": ["no"]}}))
    b = results(says({"plain": alike(groups[:6], ["no one said so"]), "new": {"row 0": ["no"]}}))
    rows = {row.metric.name: row for row in compare(a, b)}
    assert len(rows) == 9
    row = rows["says"]
    assert (row.arm_a, row.arm_b, row.a.mean, row.b.mean) == ("plain", "plain", 1, 0)
    assert (row.difference.mean, row.difference.n, row.difference.missing) == (-1, 6, 2)
    assert row.difference.p == pytest.approx(2 / 2**6)
    assert row.holm == pytest.approx(min(1, row.difference.p * 9))
    assert unmatched(a, b) == ([(case, "old")], [(case, "new")])


def test_compare_matches_the_two_alone(results, says, case):
    """Fluency at equal length is matched between the two sides, whatever other arms there are."""
    third = {"x": ["yes it is"]}
    a = results(says({"plain": {"x": [LONG]}, "third": third}))
    b = results(says({"plain": {"x": [LONG + " and so on"]}}))
    (row,) = (row for row in compare(a, b) if row.metric.name == "matched_entropy")
    assert row.a.mean == row.b.mean == a.estimate(case, "plain", "entropy").mean
    assert a.estimate(case, "plain", "matched_entropy").mean < row.a.mean


def test_compare_with_itself(results, says):
    """A run against itself differs nowhere."""
    found = results(says({"plain": {"x": [LONG], "y": ["no one said so"]}}))
    assert {(row.difference.mean, row.difference.p, row.holm) for row in compare(found, found)} == {(0, 1, 1)}


def test_compare_refuses_other_data(results, says, asked, answered, case):
    """The same id of other content, and runs without anything in common, are errors."""
    a = results(says({"plain": {"x": ["no"]}}))
    other = asked("x", word="no")
    with pytest.raises(RecordError, match="differ"):
        compare(a, results([example_line(case, other), answered(case, "plain", other, Answer("no"))]))
    with pytest.raises(RecordError, match="in common"):
        compare(a, results(says({"steered": {"x": ["no"]}})))


def test_compare_arms(results, says, case):
    """Two arms of one run: the second minus the first; unknown arms are refused."""
    found = results(says({"plain": {"x": ["no"], "y": ["yes"]}, "steered": {"x": ["yes"], "y": ["yes"]}}))
    row = compare_arms(found, "plain", "steered")[0]
    assert (row.arm_a, row.arm_b, row.metric.name, row.difference.mean) == ("plain", "steered", "says", 0.5)
    with pytest.raises(RecordError, match="No case has both"):
        compare_arms(found, "plain", "stered")
