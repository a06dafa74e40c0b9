"""Learned gains: on hills whose top is known, through interruptions, and by the look that was best."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from boldface.errors import ProfilingError, RecordError
from boldface.profiling.laboratory import Budget, Laboratory
from boldface.profiling.learned import Learning, learn, shares
from boldface.profiling.material import Subject
from boldface.profiling.trial import LIKELIHOOD, Reading
from boldface.records.store import Store

HEADS = [(layer, head) for layer in range(2) for head in range(3)]
TOP = np.array([1.2, -0.9, 0.4, 0.0, -0.3, 0.8])
QUICK = Learning(steps=120, rate=0.1, price=0.0, look=20)
JSON, CALM = Subject("json", weight=0.5), Subject("neutral", weight=0.5)


@pytest.fixture(scope="session")
def hill(world):
    """Makes workers with whom every lesson is the likelier the nearer the gains are to its own top."""

    class Hill(world):
        def __init__(self, tops, steep=None, noise=0.0):
            super().__init__(dict.fromkeys(HEADS, 0.0), noise)
            self.tops, self.steep = tops, np.ones(len(HEADS)) if steep is None else np.array(steep)

        def run(self, trials):
            """Carry out trials."""
            for trial in trials:
                self.asked.append(trial)
                gains = np.array([trial.gains.get(head, 0.0) for head in HEADS])
                off = [gains - self.tops[lesson.task] - np.array(self.slopes(lesson)) for lesson in trial.lessons]
                scores = tuple(-float(self.steep @ one**2) for one in off)
                slopes = tuple(tuple((-2 * self.steep * one).tolist()) for one in off)
                yield Reading(trial.key, {LIKELIHOOD: scores}, slopes if trial.measure == "gradient" else (), 10, 1.0)

    return Hill


@pytest.fixture(scope="session")
def climb(rows_of):
    """Learns on some rows of a task."""

    def run(lab, settings, *, train=4, looked=2):
        return learn(lab, HEADS, {JSON: rows_of(train)}, {JSON: rows_of(looked)}, settings)

    return run


def values(learned):
    """The gains of all heads."""
    return np.array([learned.gains.get(head, 0.0) for head in HEADS])


def test_the_top_is_found(hill, climb):
    """Signs included."""
    found = climb(hill({"json": TOP}).laboratory(), QUICK)
    assert values(found) == pytest.approx(TOP, abs=0.06)
    assert found.steps == 120
    assert [one.step for one in found.curve] == list(range(0, 121, 20))
    totals = [one.total for one in found.curve]
    assert totals == sorted(totals)
    assert found.curve[-1].scores == {"json/raw/original/asked": pytest.approx(0, abs=0.01)}


def test_unsigned_gains_are_never_negative(hill, climb):
    """What is better turned away stays at 0."""
    found = climb(hill({"json": TOP}).laboratory(), replace(QUICK, signed=False, steps=400))
    assert min(one for look in found.curve for one in look.gains.values()) >= 0
    assert values(found) == pytest.approx(np.maximum(TOP, 0), abs=0.05)


def test_gains_are_bounded(hill, climb):
    """However far away the top is."""
    found = climb(hill({"json": TOP * 100}).laboratory(), replace(QUICK, largest=0.5))
    assert np.abs(values(found)).max() <= 0.5
    assert values(found)[[0, 1]] == pytest.approx([0.5, -0.5], abs=0.02)


def test_the_price_keeps_useless_gains_at_0(hill, climb):
    """A head whose whole use is smaller than what it costs is not steered; others are, a little less."""
    steep = np.array([1.0, 1.0, 1.0, 1.0, 0.01, 0.01])
    price = 0.05
    found = {
        cost: values(climb(hill({"json": TOP}, steep, noise=0.02).laboratory(), replace(QUICK, price=cost, steps=400)))
        for cost in (0.0, price)
    }
    # The score weighs 1 / its size at gain 0, and a gain is worth its price while steep * 2 * size exceeds it.
    assert np.abs(found[0.0][[4, 5]]).min() > 0.2
    assert np.abs(found[price][[3, 4, 5]]).max() < 0.02
    assert np.abs(found[price][:3]) == pytest.approx(np.abs(TOP[:3]), abs=0.15)
    assert (np.abs(found[price][:3]) < np.abs(found[0.0][:3])).all()


def test_heads_of_a_group_share_a_gain(hill, climb):
    """Three heads a layer, one key and value head: the gain that suits all three."""
    found = climb(hill({"json": TOP}).laboratory(), replace(QUICK, group=3))
    assert values(found) == pytest.approx(np.repeat([TOP[:3].mean(), TOP[3:].mean()], 3), abs=0.02)


@pytest.mark.parametrize("group", [2, 4, 5, 6])
def test_a_group_lies_within_a_layer(hill, climb, group):
    """Heads of two layers have nothing in common."""
    with pytest.raises(ProfilingError, match=f"groups of {group}"):
        climb(hill({"json": TOP}).laboratory(), replace(QUICK, group=group))


def test_the_best_look_wins_not_the_last(hill, rows_of):
    """What is learned too well does worse on rows that were not learned from."""
    workers = hill({"json": TOP, "pronouns": TOP / 2})
    train, validation = {JSON: rows_of(4)}, {JSON: rows_of(2, "pronouns")}
    found = learn(workers.laboratory(), HEADS, train, validation, replace(QUICK, look=3))
    best = max(found.curve, key=lambda one: one.total)
    assert 0 < found.steps < 60
    assert (found.gains, found.steps) == (best.gains, best.step)
    assert found.curve[-1].total < best.total


def test_every_subject_weighs_as_told(rows_of):
    """An obedient answer in units of how unlikely it is to the plain model, nats of divergence by ``calm``."""
    calm = [replace(one, kind="calm") for one in rows_of(3, "neutral")]
    lessons = {JSON: rows_of(3), CALM: calm}
    plain = {JSON: -4.0, CALM: 0.0}
    assert shares(plain, lessons, 3.0) == pytest.approx({JSON: 0.5 / 4, CALM: 0.5 * 3})
    sure = {JSON: -0.001, CALM: 0.0}
    assert shares(sure, lessons, 3.0)[JSON] == pytest.approx(0.5 / 0.1)


def test_calm_lessons_hold_the_gains_back(hill, rows_of):
    """The more so the more they weigh."""
    lessons = {JSON: rows_of(3), CALM: [replace(one, kind="calm") for one in rows_of(3, "neutral")]}
    tops = {"json": TOP, "neutral": np.zeros(6)}
    sizes = [
        np.abs(values(learn(hill(tops).laboratory(), HEADS, lessons, lessons, replace(QUICK, calm=calm)))).sum()
        for calm in (0.0, 0.1, 1.0, 10.0)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == pytest.approx(np.abs(TOP).sum(), abs=0.05)
    assert sizes[-1] < 0.1 * sizes[0]


@given(stops=st.lists(st.integers(1, 12), max_size=6))
@examples(max_examples=30)
def test_an_interrupted_run_goes_on(hill, climb, stops):
    """Whenever it was stopped, the gains are to the last bit those of a run that was not, and no trial runs twice."""
    short = Learning(steps=7, look=3, batch=2, seed=1)
    whole = climb(hill({"json": TOP}, noise=0.3).laboratory(), short, train=9)
    workers, records, budget = hill({"json": TOP}, noise=0.3), {}, 0
    for more in stops:
        budget += more
        try:
            climb(workers.laboratory(records, budget=Budget(trials=budget)), short, train=9)
        except ProfilingError:
            continue
    again = climb(workers.laboratory(records), short, train=9)
    assert again == whole
    keys = [trial.key for trial in workers.asked]
    assert len(keys) == len(set(keys)) == len(records)


def test_a_killed_run_goes_on(hill, climb, tmp_path):
    """With a store on disk, which is all that is left of the first one."""
    short = Learning(steps=6, look=3, batch=2)

    class Mortal(hill):
        def run(self, trials):
            for reading in super().run(trials):
                if len(self.asked) == 6:
                    raise KeyboardInterrupt
                yield reading

    with Store(tmp_path / "a.jsonl", {}) as store, pytest.raises(KeyboardInterrupt):
        climb(Laboratory(store, Mortal({"json": TOP})), short)
    workers = hill({"json": TOP})
    with Store(tmp_path / "a.jsonl", {}) as store:
        known = set(store.records)
        found = climb(Laboratory(store, workers), short)
    assert len(known) == 5
    assert not known & {trial.key for trial in workers.asked}
    assert found == climb(hill({"json": TOP}).laboratory(), short)


def test_a_spent_budget_gives_the_best_of_what_was_looked_at(hill, climb):
    """Learning just ends earlier."""
    whole = climb(hill({"json": TOP}).laboratory(), QUICK)
    part = climb(hill({"json": TOP}).laboratory(budget=Budget(trials=50)), QUICK)
    assert part.curve == whole.curve[: len(part.curve)]
    assert 0 < part.steps < whole.steps


@pytest.mark.parametrize("trials", [1, 2, 10])
def test_a_budget_that_ends_before_anything_is_learned_is_an_error(hill, climb, trials):
    """A look at gains of 0 is nothing learned."""
    with pytest.raises(ProfilingError, match="before anything was learned"):
        climb(hill({"json": TOP}).laboratory(budget=Budget(trials=trials)), QUICK)


def test_what_is_not_a_number_is_told_and_not_learned_from(hill, climb, tmp_path):
    """A model that overflows is no reason for a profile of nans."""

    class Overflowing(hill):
        def run(self, trials):
            for reading in super().run(trials):
                rows = tuple((math.nan, *row[1:]) for row in reading.gradient)
                yield replace(reading, gradient=rows)

    with Store(tmp_path / "a.jsonl", {}) as store, pytest.raises(RecordError, match="not finite") as told:
        climb(Laboratory(store, Overflowing({"json": TOP})), QUICK)
    assert "float32" in told.value.hint


def test_what_is_learned_must_be_looked_at(hill, rows_of):
    """A subject without validation lessons could not say when to stop."""
    train = {JSON: rows_of(2), CALM: rows_of(2, "neutral")}
    with pytest.raises(ProfilingError, match=r"neutral/raw/original/asked.*validation"):
        learn(hill({"json": TOP}).laboratory(), HEADS, train, {JSON: rows_of(2)}, QUICK)


def test_progress_tells_of_every_look(hill, climb):
    """The step, the total, and every subject's score."""
    told = []
    lab = hill({"json": TOP}).laboratory(watch=lambda step: told.append(step) if step.told else None)
    climb(lab, QUICK)
    assert [(step.done, step.total) for step in told] == [(at, 120) for at in range(0, 121, 20)]
    assert all("json/raw/original/asked" in step.told for step in told)


def test_the_seed_orders_what_is_learned_from(hill, climb):
    """Another seed, other batches first."""
    first = [
        climb(hill({"json": TOP}, noise=0.5).laboratory(), replace(QUICK, steps=2, seed=seed), train=12)
        for seed in (0, 0, 1)
    ]
    assert first[0] == first[1]
    assert first[0].gains != first[2].gains or first[0].curve != first[2].curve


@pytest.mark.parametrize(
    "wrong",
    [
        {name: bad}
        for name in ("steps", "rate", "largest", "strength", "group", "batch", "look")
        for bad in (0, -1, math.nan, math.inf)
    ]
    + [{name: bad} for name in ("price", "calm") for bad in (-0.1, math.nan, math.inf)],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(wrong):
    """By name."""
    with pytest.raises(ProfilingError, match=f"^{next(iter(wrong))} is"):
        Learning(**wrong)
