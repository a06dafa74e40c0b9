"""Choose the setting of every tunable arm on the validation split, with the same budget for all."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from boldface.engine.model import Model
from boldface.evaluation.arm import Arm
from boldface.evaluation.arms import GRIDS, find_arm
from boldface.evaluation.record import tuned_line
from boldface.evaluation.results import Results
from boldface.evaluation.run import Request, Watch, evaluate
from boldface.profiles.heads import HeadGains
from boldface.records.store import Store
from boldface.tasks.data import Data


def tuned(
    model: Model,
    request: Request,
    data: Data,
    store: Store,
    *,
    profile: tuple[HeadGains, float] | None,
    rows: int,
    watch: Watch = lambda step: None,
) -> Request:
    """Return the request with the best setting of each of its tunable arms added.

    Best is the highest mean, over the tasks, of their headline metrics on ``rows`` rows of the validation split; ties
    go to the gentler setting. What was tried and chosen is kept in the store.

    Args:
        model: The model.
        request: What is to be evaluated.
        data: The data sets.
        store: An open store.
        profile: Gains of the model's profile and their strength in nats.
        rows: Rows of the validation split.
        watch: Told of progress.
    """
    kinds = [arm.name for arm in request.arms if arm.name in GRIDS]
    grids = {kind: [find_arm(f"{kind}={value:g}") for value in GRIDS[kind]] for kind in kinds}
    tried = tuple(arm for arms in grids.values() for arm in arms)
    if not tried:
        return request
    validation = replace(request, split="validation", rows=rows, arms=tried)
    evaluate(model, validation, data, store, profile=profile, watch=watch)
    results = Results.load([store.path])
    chosen = []
    for kind, arms in grids.items():
        scores = {arm.name: _headline(results, validation, arm) for arm in arms}
        best = max(scores, key=scores.__getitem__)  # the first of equals: grids go from gentle to strong
        store.append([tuned_line(kind, best, scores, rows)])
        chosen.append(find_arm(best))
    return replace(request, arms=tuple(dict.fromkeys([*request.arms, *chosen])))


def _headline(results: Results, request: Request, arm: Arm) -> float:
    """Mean over the cases of their headline metric, higher being better."""
    scores = []
    for task, case in request.cases:
        metric = task.metrics[0]
        estimate = results.estimate(case, arm.name, metric.name)
        if estimate is not None:
            scores.append(-estimate.mean if metric.better == "lower" else estimate.mean)
    return fmean(scores)
