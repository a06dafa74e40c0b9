"""Races find the truly best, sooner than measuring everything, and say what a spent budget left undone."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.errors import ProfilingError
from boldface.profiles.heads import Head, HeadGains
from boldface.profiling.laboratory import Budget
from boldface.profiling.racing import Race
from boldface.profiling.trial import Reading

HEADS = [Head(layer, head) for layer in range(3) for head in range(4)]


def spread(seed, step=0.2):
    """True effects, evenly apart, dealt out at random."""
    places = np.random.default_rng(seed).permutation(len(HEADS))
    return {head: step * float(place) for head, place in zip(HEADS, places, strict=True)}


def best(effects, k):
    """The k largest."""
    return set(sorted(effects, key=lambda key: -effects[key])[:k])


def alone(*tasks):
    """Every head alone, on every task."""
    return {task: {head: HeadGains([head]) for head in HEADS} for task in tasks}


def means(outcome):
    """Mean effects."""
    return {key: effect.mean for key, effect in outcome.effects.items()}


def race(world, lessons, cuts=(4,), *, budget=None, records=None, candidates=None, **how):
    """Run a race; return its outcome on every task and the laboratory."""
    lab = world.laboratory(records, budget=budget or Budget())
    return Race(**{"batch": 4, **how}).run(lab, lessons, candidates or alone(*lessons), cuts, "a race"), lab


@given(seed=st.integers(0, 999), k=st.integers(1, 11))
@settings(max_examples=10)
def test_without_noise_one_round_settles_it(world, rows_of, seed, k):
    """Where rows agree a race ends as soon as there is an error to speak of, with the true effects."""
    true = spread(seed)
    found, lab = race(world(true, noise=1e-6, seed=seed), {"json": rows_of(40)}, [k])
    assert found["json"].ended == "settled"
    assert means(found["json"]) == pytest.approx(true, abs=1e-4)
    assert best(means(found["json"]), k) == best(true, k)
    assert lab.spent.trials == len(HEADS) + 1


def test_what_is_settled_is_settled_rightly(world, rows_of):
    """In 20 noisy races with several cuts, hardly one ever stops to measure a head on the wrong side of a cut."""
    wrong, saved = 0, 0
    for seed in range(20):
        true, cuts = spread(seed, step=0.1), [2, 5, 9]
        found, lab = race(world(true, noise=0.3, seed=seed), {"json": rows_of(60)}, cuts, batch=12)
        effects = found["json"].effects
        settled = {head for head in HEADS if effects[head].rows < max(one.rows for one in effects.values())}
        if found["json"].ended == "settled":
            settled = set(HEADS)
        wrong += any((best(means(found["json"]), k) ^ best(true, k)) & settled for k in cuts)
        saved += 1 - lab.spent.trials / (5 * (len(HEADS) + 1))
    assert wrong <= 3  # of 20 at most 1 is expected
    assert 0.03 < saved / 20 < 0.9


def test_a_race_takes_fewer_trials_and_gives_the_same_best(world, rows_of):
    """Without racing every head is measured on every row; with it, only what is near a cut."""
    true = spread(1)
    (fast, lab), (whole, full) = (
        race(world(true, noise=0.2), {"json": rows_of(60)}, racing=racing) for racing in (True, False)
    )
    assert best(means(fast["json"]), 4) == best(means(whole["json"]), 4) == best(true, 4)
    assert full.spent.trials == 15 * (len(HEADS) + 1)
    assert lab.spent.trials < 0.5 * full.spent.trials
    assert whole["json"].ended == "rows"
    assert {effect.rows for effect in whole["json"].effects.values()} == {60}


def test_more_cuts_need_more_trials(world, rows_of):
    """A cut that nobody asks for is not settled; a cut that keeps everybody needs nothing."""
    spent = [
        race(world(spread(2), noise=0.3), {"json": rows_of(60)}, cuts)[1].spent.trials
        for cuts in ([12], [3], [3, 6], [3, 6, 9])
    ]
    assert spent[0] == len(HEADS) + 1
    assert spent == sorted(spent)
    assert spent[1] < spent[3]


def test_no_trial_is_run_twice(world, rows_of):
    """Not within a race, not when it is run again, not when it goes on with more rows."""
    records, workers = {}, world(spread(3), noise=0.3)
    for rows in (20, 20, 40):
        race(workers, {"json": rows_of(rows), "pronouns": rows_of(rows, "pronouns")}, records=records, racing=False)
    keys = [trial.key for trial in workers.asked]
    assert len(keys) == len(set(keys)) == 2 * 10 * (len(HEADS) + 1)


@given(trials=st.integers(1, 120))
@settings(max_examples=25)
def test_a_spent_budget_leaves_everything_equally_measured(world, rows_of, trials):
    """Whole rounds count, and only they: each head of a task has the same rows, no task is a round ahead of another."""
    lessons = {"json": rows_of(16), "pronouns": rows_of(16, "pronouns")}
    workers, budget, one = world(spread(4), noise=0.3), Budget(trials=trials), len(HEADS) + 1
    if trials < 2 * one:
        with pytest.raises(ProfilingError, match="tried once on"):
            race(workers, lessons, budget=budget, racing=False)
        assert len(workers.asked) == trials
        return
    found, lab = race(workers, lessons, budget=budget, racing=False)
    assert lab.spent.trials == min(trials, 8 * one)
    rounds = {"json": (trials // one + 1) // 2, "pronouns": trials // one // 2}
    for task, outcome in found.items():
        assert {effect.rows for effect in outcome.effects.values()} == {4 * min(4, rounds[task])}
        assert outcome.ended == ("rows" if rounds[task] >= 4 else "budget")


def test_a_budget_that_ends_can_be_raised(world, rows_of):
    """What was measured on a small budget counts for the large one, and the outcome is that of a single run."""
    records, true = {}, spread(5)
    workers = world(true, noise=0.3)
    race(workers, {"json": rows_of(16)}, records=records, budget=Budget(trials=30), racing=False)
    later, _ = race(workers, {"json": rows_of(16)}, records=records, racing=False)
    whole, _ = race(world(true, noise=0.3), {"json": rows_of(16)}, racing=False)
    assert later == whole
    assert len(workers.asked) == 4 * (len(HEADS) + 1)


class Judges:
    """Workers who score answers: right or wrong, by row; nobody obeys without steering."""

    count = 1

    def __init__(self, rights, name):
        self.rights, self.name = rights, name

    def run(self, trials):
        """Carry out trials."""
        for trial in trials:
            right = self.rights[next(iter(trial.gains))] if trial.gains else 0
            rows = (int(lesson.example.group.split("/")[-1]) for lesson in trial.lessons)
            yield Reading(trial.key, {self.name: tuple(float(row % 20 < right) for row in rows)}, (), 1, 1.0)


def test_answers_that_are_all_alike_settle_nothing_at_once(world, rows_of):
    """Four rows without one right answer are no proof that a head never helps; many are."""
    from boldface.tasks.catalogue import find_task

    metric = find_task("json").metrics[0].name
    rights = {head: 20 if head in HEADS[:4] else 0 for head in HEADS}
    lab = world({}).laboratory()
    lab.workers = Judges(rights, metric)
    short = Race(measure="answers", batch=4).run(lab, {"json": rows_of(8)}, alone("json"), [4], "a race")
    assert short["json"].ended == "rows"
    assert {effect.rows for effect in short["json"].effects.values()} == {8}
    long = Race(measure="answers", batch=4).run(lab, {"json": rows_of(120)}, alone("json"), [4], "a race")
    assert long["json"].ended == "settled"
    assert best(means(long["json"]), 4) == set(HEADS[:4])


def test_what_is_better_when_lower_is_ranked_so(world, rows_of):
    """A metric by name; one without a better side, or that the task has not, is refused by name."""
    from boldface.tasks.catalogue import TASKS

    task, metric = next((task, one) for task in TASKS.values() for one in task.metrics if one.better == "lower")
    lab = world({}).laboratory()
    lab.workers = Judges({head: 20 - place for place, head in enumerate(HEADS)}, metric.name)
    lessons = {task.name: rows_of(20, task.name)}
    found = Race(measure="answers", metric=metric.name).run(lab, lessons, alone(task.name), [4], "a race")
    assert best(means(found[task.name]), 4) == set(HEADS[-4:])
    with pytest.raises(ProfilingError, match="cannot be ranked by 'beauty'"):
        Race(measure="answers", metric="beauty").run(lab, lessons, alone(task.name), [4], "a race")


def test_a_score_that_is_never_there_is_named(world, rows_of):
    """A metric without any value is an error, not an effect of 0."""
    lab = world({}).laboratory()
    lab.workers = Judges(dict.fromkeys(HEADS, 0), "something else")
    with pytest.raises(ProfilingError, match="no value"):
        Race(measure="answers").run(lab, {"json": rows_of(4)}, alone("json"), [4], "a race")


@pytest.mark.parametrize(
    "how", [{"batch": 0}, {"error": 0.0}, {"error": 1.0}, {"metric": "valid"}], ids=lambda how: next(iter(how))
)
def test_settings_out_of_range_are_refused(how):
    """Before anything runs."""
    with pytest.raises(ProfilingError):
        Race(**how)


def test_nothing_to_compare_is_refused(world, rows_of):
    """A task without candidates."""
    with pytest.raises(ProfilingError, match="nothing to compare on json"):
        race(world(spread(0)), {"json": rows_of(4)}, candidates={"json": {}})


def test_progress_counts_what_is_left(world, rows_of):
    """Done never passes total, both reach the same end, and the last word says that all is settled."""
    seen = []
    lab = world(spread(6), noise=0.2).laboratory(watch=lambda step: seen.append(replace_spent(step)))
    Race(batch=4).run(lab, {"json": rows_of(60)}, alone("json"), [4], "a race")
    assert all(step.done <= step.total for step in seen)
    assert [step.done for step in seen] == sorted(step.done for step in seen)
    assert seen[-1].done == seen[-1].total == lab.spent.trials
    totals = [step.total for step in seen]
    assert totals == sorted(totals, reverse=True)
    assert all(step.total == later.total for step, later in pairwise(seen) if step.told)
    assert seen[-1].told == f"json: 0 of {len(HEADS)} not settled"


def replace_spent(step):
    """The step as it was told: what is spent goes on counting."""
    return step._replace(spent=replace(step.spent))
