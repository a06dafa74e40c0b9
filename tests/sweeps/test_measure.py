"""What an arm did, from its answers."""

from __future__ import annotations

import json
import math
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.errors import SweepError
from boldface.metrics.statistics import Estimate, estimate
from boldface.profiling.laboratory import Budget
from boldface.sweeps.measure import Measure, measure, together
from boldface.sweeps.objectives import DEFAULT, GENERAL, RIGHT, find_metric, find_objectives
from boldface.sweeps.questions import Questions
from boldface.sweeps.run import search
from boldface.tasks.catalogue import TASKS, find_task

SHARES = st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=12), min_size=1, max_size=5)


@given(SHARES)
def test_the_mean_of_shares_is_a_share(rows):
    """Its interval stays between 0 and 1, holds the mean, and is wider than nothing and no wider than the widest."""
    parts = [estimate(some, share=True) for some in rows]
    one = together(parts)
    assert one.mean == pytest.approx(fmean(part.mean for part in parts))
    assert -1e-9 <= one.low <= one.mean <= one.high <= 1 + 1e-9
    assert 0 < one.high - one.low <= max(part.high - part.low for part in parts) + 1e-9
    if len(parts) == 1:
        assert (one.low, one.high) == pytest.approx((parts[0].low, parts[0].high))


def test_a_measure_survives_json():
    """Infinite errors of single rows too."""
    one = Measure(
        {"a": Estimate(0.5, math.inf, -math.inf, math.inf, 1)}, {"b": Estimate(0.5, 0.1, 0.3, 0.7, 9)}, 0.25, 4, 9, 1.5
    )
    assert Measure.from_json(json.loads(json.dumps(one.to_json(), allow_nan=False))) == one


def test_every_right_answer_is_a_metric_of_its_task():
    """The table of what answers say names metrics that there are."""
    for task, metric in RIGHT.items():
        assert metric in {one.name for one in TASKS[task].metrics}


def test_objectives_need_tasks_that_tell_them(folder):
    """With what to add; a task's own metric goes by its name."""
    tasks = (find_task("counterfact"),)
    asked = Questions(tasks, 2).asked(folder)
    assert [one.name for one in find_objectives(["obedience", "counterfact.neighbourhood"], tasks, asked)] == [
        "obedience",
        "counterfact.neighbourhood",
    ]
    for name, says in (
        ("fluency", "writes"),
        ("divergence", "neutral"),
        ("charm", "Choose among"),
        ("json.format", "--tasks"),
        ("counterfact.charm", "Choose among"),
        ("counterfact.entropy", "writes no answers"),
    ):
        with pytest.raises(SweepError) as caught:
            find_objectives([name], tasks, asked)
        assert says in str(caught.value)
    assert [find_metric(name) for name in GENERAL] == list(GENERAL.values())


def test_objectives_are_read_from_the_answers(sweep):
    """Obedience is the mean of strict metrics, over the rows of the search; fluency compares with plain, row by row."""
    tasks = tuple(map(find_task, ("json", "counterfact", "neutral")))
    questions = Questions(tasks, 2, 2).held()
    with sweep(questions=questions, budget=Budget(None, 1)) as opened:
        plain, (one,) = search(opened)
        assert set(DEFAULT) | {"latency"} == set(one.measure.objectives)
        assert one.measure.objectives["obedience"].mean == pytest.approx(
            fmean(share.mean for share in one.measure.tasks.values())
        )
        assert set(one.measure.tasks) == {"json", "counterfact"}
        assert plain.objectives["fluency"].mean == plain.objectives["divergence"].mean == 0
        assert plain.objectives["latency"].mean == pytest.approx(1)
        assert one.measure.objectives["divergence"].mean > 0
        assert (one.measure.rows, one.measure.written) == (2, 2)
        results = _results(opened)
        few = {case: frozenset(list(some)[:1]) for case, some in opened.groups["search"].items()}
        some = measure(results, one.arm, few, opened.measured)
        assert some.rows == 1
        assert some != one.measure


def test_settings_of_a_row_are_no_further_rows(sweep, questions, folder):
    """A second setting with the same answers leaves mean and error as they are."""
    both = Questions(questions.tasks, 3, 3, settings=("raw", "chat"))
    with sweep(budget=Budget(None, 1)) as opened:
        search(opened)
        results = _results(opened)
        once = opened.groups["search"]
        twice = both.groups(folder)
        contents = results.contents
        for case in twice:
            contents.answers[case] = contents.answers[case._replace(setting="raw")]
        assert len(twice) == 2 * len(once)
        for arm in ("plain", opened.study.tried()[0].arm):
            single, double = (measure(results, arm, groups, opened.measured) for groups in (once, twice))
            assert double.objectives == single.objectives
            assert double.tasks == single.tasks


def _results(opened):
    from boldface.evaluation.results import Results

    return Results.load([opened.store.path])
