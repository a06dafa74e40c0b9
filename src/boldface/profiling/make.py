"""From an order to a profile: lessons gathered, heads found, a setting chosen on validation, all of it told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any, NamedTuple, cast

from boldface.engine.model import Model
from boldface.errors import ProfilingError
from boldface.evaluation.aim import SET, dealt
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile
from boldface.profiles.provenance import Cost, TaskUse
from boldface.profiling import canaries
from boldface.profiling.choosing import Judged, Setting, choose, describe, judge
from boldface.profiling.coarse import Coarse
from boldface.profiling.exhaustive import Exhaustive
from boldface.profiling.gradient import Gradient
from boldface.profiling.laboratory import BudgetSpent, Laboratory
from boldface.profiling.learned import learn
from boldface.profiling.lesson import NO_LIMIT, Lesson
from boldface.profiling.material import Subject, by_task, curriculum, of_role
from boldface.profiling.measure import heads_of
from boldface.profiling.order import Order
from boldface.profiling.ranking import Method, count
from boldface.profiling.strategies import GRIDS, Strategy, candidates
from boldface.records.store import key_of
from boldface.tasks.data import Data

FINDING = 0.6
"""Share of a budget that heads may be found with; the rest is for choosing among what was found."""


class Material(NamedTuple):
    """All lessons of an order.

    Attributes:
        train: Subject to lessons to learn from.
        looked: Subject to lessons that say when to stop.
        judged: Subject to lessons that settings are chosen on, some with another span emphasised.
    """

    train: dict[Subject, list[Lesson]]
    looked: dict[Subject, list[Lesson]]
    judged: dict[Subject, list[Lesson]]


class Found(NamedTuple):
    """What a method found.

    Attributes:
        settings: What is to be chosen among, in order of preference.
        told: How it went, JSON values.
    """

    settings: list[Setting]
    told: dict[str, Any]


def gathered(model: Model, order: Order, data: Data) -> Material:
    """Read and tokenize what an order needs; nothing is run.

    Raises:
        MissingError: A data set is not there.
        ProfilingError: A task teaches nothing, or the model has no chat template and is to chat.
    """
    if "chat" in order.settings and not getattr(model.tokenizer, "chat_template", None):
        raise ProfilingError("The model has no chat template.", "Make the profile with --settings raw.")
    asked: dict[str, Any] = {"settings": order.settings, "variants": order.variants}
    short = asked | {"longest": order.longest, "contrast": order.contrast}
    whole = asked | {"longest": NO_LIMIT, "contrast": 0.5}
    return Material(
        curriculum(model, order.learned_from, data, "train", rows=order.rows, **short),
        curriculum(model, order.learned_from, data, "validation", rows=order.looked, **short),
        curriculum(model, order.learned_from, data, "validation", rows=order.judged, **whole),
    )


def make(model: Model, order: Order, material: Material, lab: Laboratory) -> Profile:
    """Find heads as ordered, choose a setting on the validation split, and write down all that a profile tells.

    The test split is not looked at.

    Raises:
        ProfilingError: No setting does any good, or the budget was spent too early.
    """
    find = _learned if order.method == "learned" else _ranked
    found = find(model, order, material, replace(lab, budget=lab.budget.part(FINDING)))
    best, told = choose(lab, found.settings, of_role(material.judged, "asked"), most_divergence=order.most_divergence)
    scores = {"plain": _scores(told[0]), "steered": _scores(best)}
    scores |= _placebos(model, order, material, lab, best)
    tried = {one.setting.name: describe(one) for one in told[1:]}
    chosen = best.setting
    return Profile(
        name=order.name,
        model=model.title,
        gains=chosen.gains,
        strength=chosen.strength,
        scope=chosen.scope,
        rule=chosen.rule,
        identity=model.identity,
        method=f"{order.method}, {order.strategy}" + (f" {order.target}" if order.target else ""),
        settings=_settings(order) | found.told | {"tried": tried, "chosen": chosen.name},
        tasks=_uses(order, material),
        seed=order.seed,
        scores=scores | {"split": "validation"},
        canaries=canaries.measure(model, chosen.gains, chosen.strength, chosen.scope, rule=chosen.rule),
        cost=Cost(lab.spent.trials, lab.spent.passes, round(lab.spent.seconds, 1)),
        boldface=version("boldface"),
    )


def _learned(model: Model, order: Order, material: Material, lab: Laboratory) -> Found:
    settings = replace(order.learning, seed=order.seed)
    learned = learn(lab, heads_of(model), material.train, material.looked, settings)
    how = (settings.scope, settings.rule)
    offered: dict[HeadGains, Setting] = {}
    for least in order.least:
        kept = learned.gains.select(lambda _, gain, least=least: abs(gain) >= least)  # type: ignore[misc]
        rounded = HeadGains({head: round(gain, 3) for head, gain in kept.items()})
        for times in order.times:
            strength = round(settings.strength * times, 3)
            offered.setdefault(rounded * times, Setting(f"gains ≥ {least:g}, × {times:g}", rounded, strength, *how))
    hard = HeadGains({head: 1.0 for head, gain in learned.gains.items() if gain >= SET})
    if hard:
        offered.setdefault(hard, Setting(f"heads of gain ≥ {SET:g}, all 1", hard, round(settings.strength, 3), *how))
    curve = [
        {"step": one.step, "total": round(one.total, 4), **{name: round(x, 4) for name, x in one.scores.items()}}
        for one in learned.curve
    ]
    left = [one for one in offered.values() if one.gains]
    if not left:
        largest = max((abs(gain) for gain in learned.gains.values()), default=0.0)
        raise ProfilingError(
            f"Nothing was learned: the best look was at step {learned.steps}, with no gain above {largest:.2f}.",
            "Learn longer, on more rows or other tasks; or keep smaller gains.",
        )
    return Found(left, {"best step": learned.steps, "curve": curve})


def _ranked(model: Model, order: Order, material: Material, lab: Laboratory) -> Found:
    heads = heads_of(model)
    obeyed = {
        task: obey
        for task, lessons in by_task(material.train).items()
        if (obey := [lesson for lesson in lessons if lesson.kind == "obey"])
    }
    strategy = cast("Strategy", order.strategy)
    if strategy == "task-agnostic":  # the target was never seen
        strategy = "intersection"
    shares = order.shares or GRIDS[strategy]
    rankings = _method(order, shares).rank(lab, obeyed, heads)
    offered = candidates(
        strategy,
        rankings,
        sorted({count(share, len(heads)) for share in shares}),
        [round(order.race.strength * times, 3) for times in order.times],
        task=order.target if strategy == "task-specific" else None,
    )
    how = (order.race.scope, order.race.rule)
    settings = [
        Setting(f"{one.strategy}, k {one.k}, {one.strength:g} nats", one.gains, one.strength, *how) for one in offered
    ]
    return Found(settings, {"rankings": [ranking.to_line() for ranking in rankings.values()]})


def _method(order: Order, shares: tuple[float, ...]) -> Method:
    race = order.race
    if order.method == "gradient":
        return Gradient(race.strength, race.scope, race.batch, race.rule)
    return Exhaustive(race, shares) if order.method == "exhaustive" else Coarse(race, order.keep, shares)


def _placebos(model: Model, order: Order, material: Material, lab: Laboratory, best: Judged) -> dict[str, Any]:
    """The chosen gains on random heads of the same layers, and with another span emphasised."""
    dealt_out = replace(
        best.setting, name="random heads", gains=dealt(best.setting.gains, model.geometry.heads, order.seed)
    )
    elsewhere = replace(best.setting, name="other span")
    found: dict[str, Any] = {}
    for setting, lessons in (
        (dealt_out, of_role(material.judged, "asked")),
        (elsewhere, of_role(material.judged, "other")),
    ):
        try:
            if lessons:
                found[setting.name] = _scores(judge(lab, setting, lessons, f"placebo: {setting.name}"))
        except BudgetSpent:
            found[setting.name] = "not measured: the budget was spent"
    return found


def _scores(one: Judged) -> dict[str, Any]:
    shares = {
        task: {"mean": round(share.mean, 4), "stderr": _finite(share.stderr), "rows": share.n}
        for task, share in one.tasks.items()
    }
    told: dict[str, Any] = {"heads": len(one.setting.gains), "strength": one.setting.strength, "tasks": shares}
    if one.average is not None:
        told["average"] = {"mean": round(one.average.mean, 4), "stderr": _finite(one.average.stderr)}
    told["stuck"] = round(one.stuck, 4)
    if one.divergence is not None:
        told["divergence"] = round(one.divergence, 4)
    return told


def _finite(number: float) -> float | None:
    """Return what JSON can hold: the error of one row is infinite, and a bound may be."""
    return round(number, 4) if math.isfinite(number) else None


def _settings(order: Order) -> dict[str, Any]:
    """What of an order its method looks at."""
    most = _finite(order.most_divergence)
    said = {"contrast": order.contrast, "longest": order.longest, "most divergence": most}
    if order.method == "learned":
        return {
            **asdict(replace(order.learning, seed=order.seed)),
            **said,
            "least": list(order.least),
            "times": list(order.times),
        }
    tried = {"shares": order.shares and list(order.shares), "times": list(order.times), "most divergence": most}
    return asdict(order.race) | tried | ({"keep": order.keep} if order.method == "coarse" else {})


def _uses(order: Order, material: Material) -> tuple[TaskUse, ...]:
    def use(subject: Subject, split: str, lessons: Sequence[Lesson], weight: float) -> TaskUse:
        rows = len({lesson.example.group for lesson in lessons})
        digest = key_of(lessons=[lesson.digest for lesson in lessons])[:16]
        return TaskUse(
            f"{subject.task} ({subject.role})", subject.setting, subject.variant, split, rows, weight, digest
        )

    learned = [use(one, "train", lessons, round(one.weight, 4)) for one, lessons in material.train.items()]
    looked = [use(one, "validation", lessons, 0.0) for one, lessons in material.looked.items()]
    judged = [use(one, "validation", lessons, 0.0) for one, lessons in material.judged.items()]
    return (*learned, *(looked if order.method == "learned" else ()), *judged)
