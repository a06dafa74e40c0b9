"""Choosing: what does harm is out, of what is as good the fewest heads win, and whoever is out is told why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.errors import ProfilingError
from boldface.profiles.heads import HeadGains
from boldface.profiling.choosing import PLAIN, Setting, choose, describe, joined, judge
from boldface.profiling.laboratory import Budget
from boldface.profiling.trial import Reading
from boldface.tasks import catalogue
from boldface.tasks.task import Metric, Task

ROWS = 16


def heads(count):
    """So many heads."""
    return HeadGains([(0, head) for head in range(count)])


def setting(name, count=4, strength=4.0):
    """Something to be judged, of so many heads."""
    return Setting(name, heads(count), strength)


@pytest.fixture(autouse=True)
def chores(monkeypatch):
    """Two tasks with a strict metric, and one in which nothing is asked."""
    strict = (Metric("lenient", "Lenient", "Is."), Metric("right", "Right", "Is."))
    for name in ("reads", "writes"):
        monkeypatch.setitem(
            catalogue.TASKS, name, Task(name, name, "Is.", strict, lambda *_: (), lambda *_: {}, strict="right")
        )


@pytest.fixture(scope="session")
def judges(world):
    """Makes workers who know how many of the rows every number of heads gets right.

    Args: (heads, strength) to the share of rows that are right, that are stuck, and the divergence.
    """

    class Judges(world):
        def __init__(self, right, stuck=None, moved=None):
            super().__init__({})
            self.right, self.stuck, self.moved = right, stuck or {}, moved or {}

        def run(self, trials):
            """Carry out trials."""
            for trial in trials:
                self.asked.append(trial)
                at, count = (len(trial.gains), trial.strength), len(trial.lessons)
                task = trial.lessons[0].task
                if task == "neutral":
                    yield Reading(trial.key, {"divergence": (self.moved.get(at, 0.0),) * count}, (), 1, 1.0)
                    continue
                right = self.right[at] if isinstance(self.right[at], dict) else {task: self.right[at]}
                places = [(place + 0.5) / count for place in range(count)]
                scores = {
                    "lenient": (1.0,) * count,
                    "right": tuple(float(place < right.get(task, 0.5)) for place in places),
                }
                if task == "writes":
                    scores["repeats"] = tuple(float(place < self.stuck.get(at, 0.0)) for place in places)
                yield Reading(trial.key, scores, (), 1, 1.0)

    return Judges


@pytest.fixture(scope="session")
def lessons(rows_of):
    """Sixteen rows of every task."""
    return {task: rows_of(ROWS, task) for task in ("reads", "writes", "neutral")}


PLAINLY = {(0, 0.0): 0.25}


def test_the_strict_average_wins(judges, lessons):
    """And everything that was tried is told, the plain model first."""
    some = [setting("a", 4), setting("b", 5), setting("c", 6)]
    workers = judges(PLAINLY | {(4, 4.0): 0.5, (5, 4.0): 0.9, (6, 4.0): 0.6})
    best, told = choose(workers.laboratory(), some, lessons)
    assert best.setting == some[1]
    assert [one.setting.name for one in told] == [PLAIN, "a", "b", "c"]
    assert best.average.mean == pytest.approx(14 / 16)
    assert set(best.tasks) == {"reads", "writes"}
    assert {trial.measure for trial in workers.asked} == {"answers"}


def test_of_what_is_as_good_the_fewest_heads_win_and_then_the_gentlest(judges, lessons):
    """Within half a standard error of the best."""
    right = PLAINLY | {(9, 4.0): 13 / 16, (4, 4.0): 13 / 16, (4, 3.0): 13 / 16, (2, 4.0): 10 / 16}
    some = [setting("many", 9), setting("few", 4), setting("gentle", 4, 3.0), setting("too few", 2)]
    best, _ = choose(judges(right).laboratory(), some, lessons)
    assert best.setting.name == "gentle"
    nearly = right | {(4, 3.0): {"reads": 13 / 16, "writes": 12 / 16}}
    best, told = choose(judges(nearly).laboratory(), some, lessons)
    assert best.setting.name == "gentle"
    assert best.average.mean < told[1].average.mean


OUT = {
    "stuck": ({"stuck": {(4, 4.0): 0.5}}, "50% of its answers repeat themselves, 0% of the plain ones"),
    "moved": ({"moved": {(4, 4.0): 0.5}}, "moves the model by 0.50 nats a token"),
    "fallen": ({"right": PLAINLY | {(4, 4.0): {"reads": 0.0, "writes": 1.0}, (9, 4.0): 0.5}}, "reads falls from 25%"),
    "useless": ({"right": PLAINLY | {(4, 4.0): 0.25, (9, 4.0): 0.5}}, "25.0% of its answers are right, 25.0% of"),
}


@pytest.mark.parametrize("how", OUT)
def test_what_does_harm_is_out(judges, lessons, how):
    """However well it does; and where nothing is left, the error says why for each."""
    made, why = OUT[how]
    workers = judges(**{"right": PLAINLY | {(4, 4.0): 1.0, (9, 4.0): 0.5}} | made)
    best, _ = choose(workers.laboratory(), [setting("harm", 4), setting("help", 9)], lessons)
    assert best.setting.name == "help"
    with pytest.raises(ProfilingError) as told:
        choose(workers.laboratory(), [setting("harm", 4), setting("harm again", 4)], lessons)
    assert told.value.message.count(why) == 2
    assert "harm again: " in told.value.message


def test_what_the_plain_model_does_too_is_no_harm(judges, lessons):
    """As many answers stuck, or so few more that it may be luck; one task a little worse."""
    some = [setting("a", 4)]
    workers = judges(PLAINLY | {(4, 4.0): 0.5}, stuck={(0, 0.0): 0.5, (4, 4.0): 0.6})
    assert choose(workers.laboratory(), some, lessons)[0].setting == some[0]
    workers = judges({(0, 0.0): 1 / 16, (4, 4.0): {"reads": 0.0, "writes": 1.0}})
    assert choose(workers.laboratory(), some, lessons)[0].setting == some[0]


def test_only_written_answers_can_be_stuck(judges, lessons):
    """Ten tasks of choices do not make two stuck answers of sixteen any surer."""
    many = {f"reads{number}": lessons["reads"] for number in range(10)} | {"writes": lessons["writes"]}
    for task in many:
        catalogue.TASKS.setdefault(task, catalogue.TASKS["reads"])
    try:
        workers = judges(PLAINLY | {(4, 4.0): 0.5}, stuck={(4, 4.0): 2 / 16})
        best, told = choose(workers.laboratory(), [setting("a")], many)
    finally:
        for number in range(10):
            del catalogue.TASKS[f"reads{number}"]
    assert (best.setting.name, told[0].written, best.stuck) == ("a", 16, 2 / 16)


def test_nothing_to_choose_among_is_an_error(judges, lessons):
    """It is told before anything runs."""
    workers = judges(PLAINLY)
    with pytest.raises(ProfilingError, match="nothing to choose among"):
        choose(workers.laboratory(), [], lessons)
    assert workers.asked == []


def test_one_row_is_enough_to_go_on(judges, rows_of):
    """Nobody knows how sure it is, so the fewest heads win."""
    workers = judges(PLAINLY | {(4, 4.0): 1.0, (9, 4.0): 1.0})
    best, _ = choose(workers.laboratory(), [setting("a", 9), setting("b", 4)], {"reads": rows_of(1, "reads")})
    assert best.setting.name == "b"


def test_a_spent_budget_chooses_among_what_was_judged(judges, lessons):
    """Three trials a setting: with nine, plain and two settings are judged."""
    some = [setting("a", 4), setting("b", 5), setting("c", 6)]
    right = PLAINLY | {(4, 4.0): 0.9, (5, 4.0): 0.5, (6, 4.0): 1.0}
    best, told = choose(judges(right).laboratory(budget=Budget(trials=11)), some, lessons)
    assert [one.setting.name for one in told] == [PLAIN, "a", "b"]
    assert best.setting.name == "a"
    for trials in (1, 3, 5):
        with pytest.raises(ProfilingError, match="before a setting was judged"):
            choose(judges(right).laboratory(budget=Budget(trials=trials)), some, lessons)


@given(
    scores=st.lists(st.tuples(st.integers(0, 3), st.none() | st.floats(0, 1)), max_size=12),
    within=st.sampled_from(["mean", "all", "any"]),
)
def test_scores_of_a_row_are_joined_as_the_metric_says(rows_of, scores, within):
    """Lessons without a score do not count, rows without one are left out."""
    (bare,) = rows_of(1)
    lessons = [replace(bare, example=replace(bare.example, group=str(row))) for row, _ in scores]
    metric = Metric("right", "Right", "Is.", within=within)
    found = joined(metric, lessons, Reading("", {"right": tuple(score for _, score in scores)}))
    by_row = {}
    for row, score in scores:
        if score is not None:
            by_row.setdefault(row, []).append(score)
    join = {"mean": lambda some: sum(some) / len(some), "all": min, "any": max}[within]
    assert found == pytest.approx([join(some) for some in by_row.values()])


def test_tasks_without_a_share_have_no_average(judges, rows_of):
    """A divergence is no score."""
    one = judge(judges({}).laboratory(), setting("a"), {"neutral": rows_of(3, "neutral")}, "judging")
    assert (one.average, one.tasks, one.divergence) == (None, {}, 0.0)
    assert describe(one) == "neutral text moves by 0.00 nats a token; 4 heads"


def test_progress_tells_of_every_setting(judges, lessons):
    """In a line for people."""
    told = []
    workers = judges(PLAINLY | {(4, 4.0): 0.5}, moved={(4, 4.0): 0.125})
    lab = workers.laboratory(watch=lambda step: told.append((step.stage, step.told)) if step.told else None)
    choose(lab, [setting("a")], lessons)
    rest = "0% repeat themselves; neutral text moves by {:.2f} nats a token; {} heads"
    assert told == [
        ("judging plain", f"25.0% right (reads 25%, writes 25%); {rest.format(0.0, 0)}"),
        ("judging a", f"50.0% right (reads 50%, writes 50%); {rest.format(0.12, 4)}"),
    ]
