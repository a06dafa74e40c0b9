"""The laboratory: each trial once, within the budget, kept at once, whatever happens after."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.errors import ProfilingError
from boldface.profiles.heads import HeadGains
from boldface.profiling.laboratory import Budget, BudgetSpent, Laboratory
from boldface.profiling.trial import LIKELIHOOD, Reading, Trial
from boldface.records.store import Store, read


class Bench:
    """Workers that give every trial a likelihood of its own, the last trial first, 6 seconds and 10 passes each."""

    def __init__(self, count: int = 1, breaks_at: int | None = None) -> None:
        self.count, self.breaks_at = count, breaks_at
        self.done: list[str] = []

    def run(self, trials):
        """Yield a reading of each."""
        for trial in reversed(trials):
            if len(self.done) == self.breaks_at:
                raise RuntimeError("out of luck")
            self.done.append(trial.key)
            yield Reading(trial.key, {LIKELIHOOD: (worth(trial),)}, (), 10, 6.0)


def worth(trial: Trial) -> float:
    """What the bench says of a trial."""
    return sum(float(head.head) for head in trial.gains)


@pytest.fixture(scope="session")
def trials(bare_lesson):
    """Five trials."""
    return [Trial((bare_lesson,), HeadGains({(0, head): 1.0}), 2.0) for head in range(5)]


@pytest.fixture
def laboratory(tmp_path):
    """Opens the same store anew, as a second run would."""
    opened = []

    def make(workers, **options):
        while opened:
            opened.pop().__exit__(None, None, None)
        store = Store(tmp_path / "trials.jsonl", {"model": "tiny"}).__enter__()
        opened.append(store)
        return Laboratory(store, workers, **options)

    yield make
    while opened:
        opened.pop().__exit__(None, None, None)


def keys_in(laboratory):
    """Keys of the readings that are on disk."""
    return [line["key"] for line in read(laboratory.store.path)[1]]


def test_readings_stand_in_the_order_of_the_trials(laboratory, trials):
    """In whatever order the workers are done."""
    readings = laboratory(Bench()).run(trials, "all")
    assert [reading.key for reading in readings] == [trial.key for trial in trials]
    assert [reading.likelihood for reading in readings] == [(worth(trial),) for trial in trials]


@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=8), max_size=5), st.lists(st.booleans(), min_size=5))
def test_no_trial_runs_twice(tmp_path_factory, trials, calls, again):
    """Not within a call, not in a later one, not after the store was closed; and every one asked for is answered."""
    bench, path = Bench(), tmp_path_factory.mktemp("store") / "trials.jsonl"
    store = Store(path, {})
    store.__enter__()
    for call, reopen in zip(calls, again, strict=False):
        if reopen:
            store.__exit__(None, None, None)
            store = Store(path, {})
            store.__enter__()
        readings = Laboratory(store, bench).run([trials[place] for place in call], "some")
        assert [reading.likelihood[0] for reading in readings] == call
    store.__exit__(None, None, None)
    wanted = {trials[place].key for call in calls for place in call}
    assert sorted(bench.done) == sorted(wanted)
    assert sorted(line["key"] for line in read(path)[1]) == sorted(wanted)


def test_a_budget_of_trials_ends_the_run_and_keeps_what_was_read(laboratory, trials):
    """So many and no more; the readings are in the file, and the workers are not asked for others."""
    bench = Bench()
    spent = laboratory(bench, budget=Budget(trials=2))
    with pytest.raises(BudgetSpent):
        spent.run(trials, "all")
    assert keys_in(spent) == bench.done == [trials[4].key, trials[3].key]
    assert spent.spent.trials == 2


@pytest.mark.parametrize("count", [1, 4])
def test_a_budget_of_minutes_is_of_the_workers_together(laboratory, trials, count):
    """Four workers of six seconds a trial do in 6 seconds what one does in 24."""
    spent = laboratory(Bench(count), budget=Budget(minutes=6 / 60))
    if count == 1:
        with pytest.raises(BudgetSpent):
            spent.run(trials[:4], "some")
    else:
        spent.run(trials[:4], "some")
        assert spent.spent.seconds == pytest.approx(6.0)
    assert len(keys_in(spent)) == count


@pytest.mark.parametrize("budget", [Budget(trials=3), Budget(minutes=3 * 6 / 60)])
def test_a_resumed_run_ends_where_the_first_did(laboratory, trials, budget):
    """What stands in the store counts as if it were run now, so that no budget grows by interruptions."""
    broken = laboratory(Bench(breaks_at=2), budget=budget)
    with pytest.raises(RuntimeError, match="out of luck"):
        broken.run(trials, "all")
    assert len(keys_in(broken)) == 2
    resumed = laboratory(bench := Bench(), budget=budget)
    with pytest.raises(BudgetSpent):
        resumed.run(trials, "all")
    assert len(bench.done) == 1
    assert len(keys_in(resumed)) == resumed.spent.trials == 3
    third = laboratory(bench := Bench(), budget=budget)
    with pytest.raises(BudgetSpent):
        third.run(trials, "all")
    assert bench.done == []
    assert third.spent == resumed.spent


def test_a_larger_budget_goes_on(laboratory, trials):
    """With what was read before."""
    with pytest.raises(BudgetSpent):
        laboratory(Bench(), budget=Budget(trials=2)).run(trials, "all")
    more = laboratory(bench := Bench())
    assert [reading.likelihood[0] for reading in more.run(trials, "all")] == [0, 1, 2, 3, 4]
    assert len(bench.done) == 3


def test_the_last_trial_may_spend_the_budget(laboratory, trials):
    """Who asked for no more than there was has got it; the next who asks gets nothing, what is known included."""
    exact = laboratory(bench := Bench(), budget=Budget(trials=5))
    assert len(exact.run(trials, "all")) == 5
    with pytest.raises(BudgetSpent):
        exact.run(trials[:1], "again")
    assert len(bench.done) == 5


def test_what_was_read_before_a_crash_is_kept(laboratory, trials):
    """Every reading is in the file before the next one is waited for."""
    seen: list[int] = []

    class Looking(Bench):
        def run(self, trials):
            for reading in super().run(trials):
                seen.append(len(keys_in(broken)))
                yield reading

    broken = laboratory(Looking(breaks_at=3))
    with pytest.raises(RuntimeError, match="out of luck"):
        broken.run(trials, "all")
    assert seen == [0, 1, 2]
    assert len(keys_in(broken)) == 3


def test_progress_is_told(laboratory, trials):
    """Every reading once, those of the store marked as known, with what has been spent so far."""
    told = []
    laboratory(Bench()).run(trials[:2], "first")
    watched = laboratory(
        Bench(2), watch=lambda step: told.append((step.stage, step.done, step.total, step.known, step.spent.trials))
    )
    watched.run(trials[:3], "some", total=9, done=4)
    assert told == [("some", 5, 9, 1, 1), ("some", 6, 9, 1, 2), ("some", 7, 9, 0, 3)]
    assert (watched.spent.passes, watched.spent.seconds) == (30, 9.0)


@pytest.mark.parametrize("limits", [{"minutes": 0}, {"trials": 0}, {"minutes": -1}, {"minutes": float("nan")}])
def test_a_budget_of_nothing_is_refused(limits):
    """Nothing could be found with it."""
    with pytest.raises(ProfilingError, match="is nothing"):
        Budget(**limits)
