"""Choose the setting of every tunable arm on the validation split, with the same budget for all."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from boldface.engine.heads import Selected
from boldface.engine.model import Model
from boldface.errors import TaskError
from boldface.evaluation.arm import Arm
from boldface.evaluation.arms import GRIDS, find_arm
from boldface.evaluation.record import tuned_line
from boldface.evaluation.results import Results
from boldface.evaluation.run import Request, Watch, evaluate, rehearsed
from boldface.records.store import Store
from boldface.tasks.data import Data
from boldface.tasks.task import Task


def tuned(
    model: Model,
    request: Request,
    data: Data,
    store: Store,
    *,
    profile: Selected | None,
    rows: int,
    watch: Watch = lambda step: None,
    route: str = "auto",
) -> Request:
    """Return the request with the best setting of each of its tunable arms added.

    Best is the highest mean, over the tasks, of their headline metrics on ``rows`` rows of the validation split; ties
    go to the gentler setting. Tasks whose headline metric is no share say nothing about obedience and do not count.
    What was tried and chosen is kept in the store.

    Args:
        model: The model.
        request: What is to be evaluated.
        data: The data sets.
        store: An open store.
        profile: What the model's profile steers.
        rows: Rows of the validation split.
        watch: Told of progress.
        route: How the bias is carried.

    Raises:
        TaskError: Nothing can be tuned, or no setting of an arm could be asked anything.
        BoldfaceError: An arm of the request cannot be run on this model.
    """
    kinds, tasks = tunable(request)
    rehearsed(model, request, profile, route)
    grids = {kind: [find_arm(f"{kind}={value:g}") for value in GRIDS[kind]] for kind in kinds}
    tried = tuple(arm for arms in grids.values() for arm in arms)
    validation = replace(request, tasks=tasks, split="validation", rows=rows, arms=tried)
    evaluate(model, validation, data, store, profile=profile, watch=watch, route=route)
    results = Results.load([store.path])
    chosen = []
    for kind, arms in grids.items():
        scores = {arm.name: _headline(results, validation, arm) for arm in arms}
        best = max(scores, key=scores.__getitem__)  # the first of equals: grids go from gentle to strong
        store.append([tuned_line(kind, best, scores, rows)])
        chosen.append(find_arm(best))
    return replace(request, arms=tuple(dict.fromkeys([*request.arms, *chosen])))


def tunable(request: Request) -> tuple[list[str], tuple[Task, ...]]:
    """Return the arms of a request that can be tuned, and the tasks to tune them on.

    Raises:
        TaskError: There are none.
    """
    kinds = [arm.name for arm in request.arms if arm.name in GRIDS]
    tasks = tuple(task for task in request.tasks if task.metrics[0].unit == "share")
    if not kinds:
        raise TaskError("None of these arms can be tuned.", f"Name at least one of {', '.join(GRIDS)}.")
    if not any(set(task.variants) & set(request.variants) for task in tasks):
        raise TaskError("No arm can be tuned on these tasks: none tells how well it obeys.", "Add one of the others.")
    return kinds, tasks


def _headline(results: Results, request: Request, arm: Arm) -> float:
    """Mean over the cases of their headline metric, higher being better.

    Raises:
        TaskError: The arm was asked nothing.
    """
    scores = []
    for task, case in request.cases:
        metric = task.metrics[0]
        estimate = results.estimate(case, arm.name, metric.name)
        if estimate is not None:
            scores.append(-estimate.mean if metric.better == "lower" else estimate.mean)
    if not scores:
        raise TaskError(f"{arm.name!r} was asked nothing, so it cannot be tuned.", "Add tasks that have such spans.")
    return fmean(scores)
