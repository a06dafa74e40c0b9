"""A sweep on a tiny model: what is asked, what is kept, when it ends."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import pytest

from boldface.errors import SweepError
from boldface.profiling.laboratory import Budget
from boldface.records.store import read
from boldface.sweeps.axis import Axis
from boldface.sweeps.outcome import Outcome
from boldface.sweeps.questions import Questions
from boldface.sweeps.run import prove, recommend, search
from boldface.sweeps.space import Space
from boldface.sweeps.workers import Done
from boldface.tasks.catalogue import find_task

WIDE = Space(Axis(0.5, 6.0), Axis(1, 4), ("all", "answer"))


def figures(tried):
    """What was measured, without its time."""
    return {
        one.arm: {name: told for name, told in one.measure.objectives.items() if name != "latency"} for one in tried
    }


def answers(path):
    """The lines of answers."""
    return [line for line in read(path)[1] if line["kind"] == "answer"]


def test_a_grid_is_measured_and_moves_the_model(sweep, space, tmp_path):
    """Every point once, beside the plain model; stronger steering moves the model further."""
    with sweep(sampler="grid") as opened:
        plain, tried = search(opened)
    assert sorted(one.arm for one in tried) == sorted(map(space.arm, space.grid))
    moved = {one.arm: one.measure.objectives["divergence"].mean for one in tried}
    assert plain.objectives["divergence"].mean == 0
    for heads in (1, 4):
        weak, strong = (moved[f"steered:strength={nats}:heads={heads}:scope=all"] for nats in (1, 4))
        assert 0 < weak < strong
    assert any(one.front for one in tried)
    arms = {line["arm"] for line in answers(tmp_path / "a.jsonl")}
    assert arms == {"plain", *moved}


def test_a_crash_costs_a_batch_at_most(sweep, tmp_path, monkeypatch):
    """Killed amidst a point, the sweep takes it up again, asks nothing twice, and ends where it would have."""
    with sweep("whole", sampler="grid") as opened:
        _, whole = search(opened)
    (tmp_path / "points.journal").unlink()
    count = itertools.count()

    class Killed(BaseException):
        pass

    def dying(step):
        if next(count) == 9:
            raise Killed

    with pytest.raises(Killed), sweep("a", sampler="grid") as opened:
        opened.workers.watch = dying
        search(opened)
    before = answers(tmp_path / "a.jsonl")
    with sweep("a", sampler="grid") as opened:
        _, tried = search(opened)
    after = answers(tmp_path / "a.jsonl")
    assert after[: len(before)] == before
    assert len({(line["arm"], line["example"], *line["case"].values()) for line in after}) == len(after)
    assert len(after) == len(answers(tmp_path / "whole.jsonl"))
    assert figures(tried) == figures(whole)


def test_two_machines_share_the_points(sweep, tmp_path):
    """Each with a file of answers of its own: together they measure the grid once, and choose the same."""
    with sweep("one", sampler="grid", budget=Budget(None, 2)) as opened:
        search(opened)
    with sweep("two", sampler="grid") as opened:
        _, tried = search(opened)
    assert len(tried) == 4
    own = [{line["arm"] for line in answers(tmp_path / f"{name}.jsonl")} - {"plain"} for name in ("one", "two")]
    assert [len(arms) for arms in own] == [2, 2]
    assert not own[0] & own[1]


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_samplers_stop_at_their_budget(sweep, sampler):
    """So many points, all of the space, none twice."""
    with sweep(sampler=sampler, space=WIDE, budget=Budget(None, 6)) as opened:
        _, tried = search(opened)
    assert len({one.arm for one in tried}) == len(tried) == 6
    assert all(WIDE.holds(one.point) for one in tried)


def test_minutes_are_kept(sweep):
    """Loading counts; no point begins that would not be over in time, closing included; a batch at most is over it."""
    with sweep(space=WIDE, budget=Budget(1 / 60)) as opened:
        began = time.monotonic()
        search(opened)
        assert time.monotonic() - began < 1.5
        assert opened.study.done() >= 1
    late = time.monotonic() - 100
    with sweep("late", space=WIDE, budget=Budget(1), began=late) as opened, pytest.raises(SweepError, match="budget"):
        search(opened)


def test_time_for_the_proof_is_kept(sweep, monkeypatch):
    """With ten seconds, a second a point and four arms to prove, the search ends after five."""
    with sweep(space=WIDE, budget=Budget(10 / 60)) as opened:
        clock = [0.0]
        monkeypatch.setattr(time, "monotonic", lambda: clock[0])
        opened.began = 0.0
        real = opened.workers.run

        seen = set()

        def run(jobs):
            for done in real(jobs):
                clock[0] += 1.0 if (done.job.arm, done.job.part) not in seen else 0.0
                seen.add((done.job.arm, done.job.part))
                yield Done(done.job, True, 1.0)

        opened.workers.run = run
        _, tried = search(opened)
        assert len(tried) == 5
        prove(opened, tried[0].point, "proof")
        assert clock[0] <= 10.0


def test_the_proof_is_of_rows_that_chose_nothing(sweep, tmp_path):
    """Plain, the point and its placebos on further validation rows, then on test rows; all of it is in the storage."""
    questions = Questions((find_task("counterfact"), find_task("neutral")), 3, 2, 2).held()
    with sweep(questions=questions, sampler="grid", most_divergence=99.0) as opened:
        plain, tried = search(opened)
        choice = recommend(opened, plain, tried)
        point = (choice.chosen or tried[0]).point
        asked = {part: {group for some in groups.values() for group in some} for part, groups in opened.groups.items()}
        for part in ("proof", "test"):
            found = prove(opened, point, part)
            assert list(found) == ["plain", *(point.arm(base) for base in ("steered", "other-span", "random-heads"))]
            assert {one.rows for one in found.values()} == {2}
        assert not asked["search"] & asked["proof"] and not asked["proof"] & asked["test"]
        if choice.chosen is not None:
            outcome = Outcome.of(opened.study)
            assert set(outcome.parts) == {"proof", "test"}
            assert outcome.to_json()["confirmed"] in (True, False)


def test_a_finished_proof_stays_when_the_time_is_up(sweep, monkeypatch):
    """Gone on with too late, its answers are read all the same; and less of it is never kept in its place."""
    with sweep(sampler="grid", budget=Budget(None, 1)) as opened:
        _, tried = search(opened)
        whole = prove(opened, tried[0].point, "proof")
    with sweep(sampler="grid", budget=Budget(1), began=time.monotonic() - 100) as opened:
        assert prove(opened, tried[0].point, "proof") == whole
        kept = opened.study.kept("proof")
        monkeypatch.setattr(opened.workers, "run", lambda jobs: (Done(job, False, 0.0) for job in jobs))
        assert prove(opened, tried[0].point, "proof") == {}
        assert opened.study.kept("proof") == kept
        assert list(kept["arms"]) == list(whole)


def test_nothing_is_asked_when_the_time_is_up(sweep, tmp_path):
    """What is not in the file yet is left, down to the first batch."""
    with sweep(sampler="grid", budget=Budget(None, 1)) as opened:
        _, tried = search(opened)
        before = len(answers(tmp_path / "a.jsonl"))
        opened.budget, opened.began = Budget(1), time.monotonic() - 100
        assert list(prove(opened, tried[0].point, "proof")) == ["plain"]
        assert len(answers(tmp_path / "a.jsonl")) == before


@pytest.mark.parametrize(("obedience", "against"), [(0.9, 0), (0.2, 1)])
def test_the_proof_is_held_against_the_point(sweep, measured, monkeypatch, obedience, against):
    """By the checks that every point has to pass; what is found is told with the outcome."""
    from boldface.sweeps import run

    with sweep(sampler="grid", budget=Budget(None, 1)) as opened:
        _, (one,) = search(opened)
        opened.study.keep("choice", {"number": one.number, "why": "It was first.", "objections": {}})
        found = {"plain": measured(0.5, divergence=0.0), one.arm: measured(obedience, divergence=0.1)}
        monkeypatch.setattr(run, "_measured", lambda sweep, done: found.get(done.job.arm, found["plain"]))
        prove(opened, one.point, "proof")
        outcome = Outcome.of(opened.study)
    assert len(outcome.refuted.get("proof", ())) == against
    assert outcome.to_json()["refuted"] == dict(outcome.refuted)
    said = "obedience is 20.0 %, no better than plain (50.0 %)"
    assert any(said in sentence for sentence in outcome.sentences()) == bool(against)


def test_another_machines_rows_must_agree(sweep, questions, folder):
    """The same names of tasks and numbers of rows, and other rows: refused, with what differs."""
    task = questions.tasks[0]
    other = replace(task, examples=lambda *asked: (one for one in list(task.examples(*asked))[1:]))
    with sweep():
        pass
    with (
        pytest.raises(SweepError, match=r"made with digests of rows \{'counterfact'"),
        sweep("other", questions=replace(questions, tasks=(other, *questions.tasks[1:]))),
    ):
        pass


def test_too_few_rows_are_told_before_anything_runs(folder):
    """With how many there are."""
    questions = Questions((find_task("counterfact"),), 500, 2)
    with pytest.raises(SweepError, match=r"validation split of counterfact .original. has \d+ rows, not 500"):
        questions.groups(folder)
    with pytest.raises(SweepError, match="after the first 3"):
        Questions((find_task("counterfact"),), 3, 500).groups(folder, "proof")
