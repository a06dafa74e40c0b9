"""The storage of a sweep: kept, shared, gone on with, and refused where it is another's."""

from __future__ import annotations

import pytest

from boldface.errors import SweepError
from boldface.sweeps.axis import Axis
from boldface.sweeps.objectives import DIVERGENCE, OBEDIENCE, Objective
from boldface.sweeps.outcome import Outcome
from boldface.sweeps.point import Point
from boldface.sweeps.space import Space
from boldface.sweeps.study import Study

OBJECTIVES = (Objective(OBEDIENCE, (("json", "strict_right"),)), Objective(DIVERGENCE, (("neutral", "divergence"),)))
WIDE = Space(Axis(0.5, 6.0), Axis(1, 200), ("all", "answer"))
FACTS = {"model": "tiny", "rows": 3}


@pytest.fixture(params=["journal", "sqlite"])
def storage(request, tmp_path):
    """A file, and a database."""
    return str(tmp_path / "a.journal") if request.param == "journal" else f"sqlite:///{tmp_path}/a.db"


@pytest.fixture
def join(storage):
    """Joins the study as a worker."""

    def go(worker="one", *, space=WIDE, facts=FACTS, sampler="tpe", first=(), seed=0, name="s"):
        return Study.join(
            storage,
            name,
            objectives=OBJECTIVES,
            space=space,
            facts=facts,
            sampler=sampler,
            seed=seed,
            worker=worker,
            first=first,
        )

    return go


def test_two_workers_share_what_is_tried(join, measured):
    """A grid is measured once between them, each point by one of them, and both see all figures."""
    space = Space(Axis.of((1.0, 2.0, 3.0)), Axis.of((1.0, 2.0)))
    studies = [join(worker, space=space, sampler="grid") for worker in ("one", "two")]
    asked = []
    while True:
        asks = [study.ask() for study in studies]
        for study, ask in zip(studies, asks, strict=True):
            if ask is not None:
                asked.append(ask.arm)
                assert study.tell(ask.number, measured(0.1 * len(asked), divergence=0.1), OBJECTIVES) == []
        if not any(asks):
            break
    assert sorted(asked) == sorted(space.arm(params) for params in space.grid)
    assert [one.arm for one in studies[0].tried()] == [one.arm for one in studies[1].tried()]
    assert join("three", space=space, sampler="grid").ask() is None


def test_workers_draw_differently(join):
    """Whoever joins does not propose what others do; who begins is repeatable."""
    arms = [[study.ask().arm for _ in range(4)] for study in (join("one"), join("two"))]
    assert not set(arms[0]) & set(arms[1])
    again = join("one", name="another")
    assert [again.ask().arm for _ in range(4)] == arms[0]


def test_the_front_is_what_nothing_beats(join, storage, measured):
    """Better in one objective and as good in the other: the rest is off it."""
    study = join()
    for obedience, moved in ((0.9, 0.3), (0.5, 0.1), (0.8, 0.35), (0.9, 0.2), (0.4, 0.1)):
        study.tell(study.ask().number, measured(obedience, divergence=moved), OBJECTIVES)
    assert [one.front for one in study.tried()] == [False, True, False, True, False]
    means = [one.measure.objectives["obedience"].mean for one in Study.show(storage, "s").tried()]
    assert means == [0.9, 0.5, 0.8, 0.9, 0.4]


def test_what_was_begun_is_tried_again_first(join, measured):
    """A worker that was killed takes up its point; one that runs still keeps its own."""
    first, other = join("one"), join("two")
    begun, running = first.ask(), other.ask()
    again = join("one")
    assert again.ask().arm == begun.arm
    assert again.ask().arm not in (begun.arm, running.arm)
    other.tell(running.number, measured(0.5, divergence=0.1), OBJECTIVES)
    assert [one.arm for one in again.tried()] == [running.arm]


def test_points_of_a_machine_that_died_are_counted(join, measured):
    """A grid whose points are held elsewhere does not end in silence."""
    space = Space(Axis.of((1.0, 2.0)), Axis.of((1.0,)))
    lost, study = join("one", space=space, sampler="grid"), join("two", space=space, sampler="grid")
    lost.ask()
    study.tell(study.ask().number, measured(0.5, divergence=0.1), OBJECTIVES)
    study.keep("plain", measured(0.4, divergence=0.0).to_json())
    assert study.ask() is None
    outcome = Outcome.of(study)
    assert outcome.unfinished == outcome.to_json()["unfinished"] == 1
    assert "have no figures: 1. Another machine is at them" in outcome.sentences()[-1]


def test_the_own_point_is_tried_first(join):
    """What the profile does now is the first figure."""
    point = Point(3.68, 145)
    assert join(first=[point.params]).ask().arm == point.arm()


def test_no_point_is_measured_twice(join, measured):
    """A sampler that proposes the same again gets the figures that are there; a small space comes to its end."""
    study = join(space=Space(Axis.of((1.0, 2.0)), Axis.of((3.0,))))
    seen = []
    while (ask := study.ask()) is not None:
        seen.append(ask.arm)
        study.tell(ask.number, measured(0.5, divergence=0.1), OBJECTIVES)
        assert len(seen) < 5
    assert len(seen) == len(set(seen)) == 2


def test_a_point_without_an_objective_is_kept_off_the_front(join, measured):
    """What cannot be told of it is no figure, and no reason to stop."""
    study = join()
    assert study.tell(study.ask().number, measured(0.9), OBJECTIVES) == ["divergence"]
    assert study.tried() == []
    assert study.tell(study.ask().number, measured(0.9, divergence=0.1), OBJECTIVES) == []
    assert len(study.tried()) == 1 and study.done() == 2


@pytest.mark.parametrize(
    "other",
    [
        {"facts": FACTS | {"rows": 4}},
        {"space": Space(Axis(0.5, 7.0), Axis(1, 200))},
        {"sampler": "nsga2"},
    ],
)
def test_a_study_of_something_else_is_refused(join, other):
    """With what differs; another name has room."""
    join()
    with pytest.raises(SweepError, match="was made with"):
        join(**other)
    join(**other, name="another")


def test_what_is_no_storage_is_told(tmp_path):
    """A folder, a file of something else, a database nobody has, a study that is not there."""
    text = tmp_path / "text.journal"
    text.write_text("no journal\nat all\n")
    for place in (str(tmp_path), str(tmp_path / "none"), str(text), "nosuch://here/there"):
        with pytest.raises(SweepError):
            Study.show(place, None)
