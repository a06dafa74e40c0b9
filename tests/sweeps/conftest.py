"""A tiny model, invented data, and a study of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="optuna is of the sweep extra")

from boldface.engine.heads import Selected
from boldface.evaluation.record import Case
from boldface.metrics.statistics import Estimate
from boldface.profiles.heads import HeadGains
from boldface.profiling.laboratory import Budget
from boldface.records.store import Store
from boldface.sweeps.axis import Axis
from boldface.sweeps.choosing import Tried
from boldface.sweeps.measure import Measure
from boldface.sweeps.objectives import DEFAULT, all_objectives, find_objectives
from boldface.sweeps.point import Point
from boldface.sweeps.questions import Questions
from boldface.sweeps.run import Sweep
from boldface.sweeps.space import Space
from boldface.sweeps.study import Study
from boldface.sweeps.workers import Here
from boldface.tasks.catalogue import find_task
from boldface.tasks.data import Data

FACTS = {"model": "tiny"}


@pytest.fixture(scope="session")
def model(yes_no_llama):
    """The tiny model as boldface runs it."""
    import boldface

    return boldface.Model(*yes_no_llama, name="tiny")


@pytest.fixture(scope="session")
def profile():
    """Four heads of different gains."""
    return Selected(HeadGains.parse("L0H1, L0H2=-0.4, L1H0=0.8, L1H3=0.5"), 3.0)


@pytest.fixture(scope="session")
def folder(tiny_data):
    """Invented data, read as any other."""
    return Data(tiny_data)


@pytest.fixture
def space():
    """Two strengths and two numbers of heads."""
    return Space(Axis.of((1.0, 4.0)), Axis.of((1.0, 4.0)))


@pytest.fixture
def questions():
    """Three rows of each of two tasks, and three more."""
    return Questions((find_task("counterfact"), find_task("neutral")), 3, 3).held()


@pytest.fixture
def sweep(model, profile, folder, questions, space, tmp_path) -> Callable[..., Any]:
    """Opens a sweep: its answers in ``NAME.jsonl``, its points in one storage; a context manager."""
    from contextlib import contextmanager

    @contextmanager
    def open_sweep(
        name="a", *, questions=questions, space=space, budget=None, sampler="tpe", weighed=None, team=None, **more
    ):
        asked = questions.asked(folder)
        every = all_objectives(questions.tasks, asked)
        wanted = weighed or [one.name for one in every if one.name in DEFAULT]
        found = find_objectives(wanted, questions.tasks, asked)
        parts = ("search", "proof", "test") if questions.test else ("search", "proof")
        with Store(tmp_path / f"{name}.jsonl", FACTS) as store:
            study = Study.join(
                str(tmp_path / "points.journal"),
                "tiny",
                objectives=found,
                space=space,
                facts=FACTS | questions.said(folder),
                sampler=sampler,
                seed=0,
                worker=name,
            )
            here = Here(model, questions, folder, store, profile)
            groups = {part: questions.groups(folder, part) for part in parts}
            yield Sweep(study, here, store, questions, groups, found, every, budget or Budget(), **more)

    return open_sweep


@pytest.fixture
def case() -> Case:
    """A case of validation rows."""
    return Case("counterfact", "raw", "original", "validation")


@pytest.fixture
def measured() -> Callable[..., Measure]:
    """Makes a measure of means, each with an error of 0.04 on 25 rows."""

    def make(obedience=0.5, *, tasks=None, stuck=0.0, error=0.04, **others) -> Measure:
        def told(mean: float) -> Estimate:
            return Estimate(mean, error, mean - 2 * error, mean + 2 * error, 25)

        named = {"obedience": obedience, **others}
        found = {name: told(mean) for name, mean in named.items()}
        return Measure(found, {name: told(mean) for name, mean in (tasks or {}).items()}, stuck, 25, 25, 3.0)

    return make


@pytest.fixture
def tried(measured) -> Callable[..., Tried]:
    """Makes a point that was measured."""

    def make(number, obedience, *, strength=2.0, heads=10, front=True, **others) -> Tried:
        point = Point(strength, heads)
        return Tried(number, point.arm(), point.params, measured(obedience, **others), front)

    return make


@pytest.fixture
def place(tmp_path) -> Path:
    """Where a storage may lie."""
    return tmp_path / "new" / "points.journal"
