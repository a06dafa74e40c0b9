"""Write a recommended point into a profile."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from boldface.engine.heads import Selected
from boldface.engine.model import Model
from boldface.errors import HeadError, SweepError
from boldface.metrics.statistics import Estimate
from boldface.profiles.profile import Profile
from boldface.profiling import canaries
from boldface.sweeps.choosing import Tried
from boldface.sweeps.measure import BASELINE, Measure
from boldface.sweeps.outcome import PARTS, Outcome
from boldface.sweeps.run import PLACEBOS


def check_place(place: Path) -> None:
    """Refuse a file that would not be read as a profile, or that holds something else.

    Raises:
        SweepError: It would, or it does.
    """
    if place.suffix != ".json":
        raise SweepError(f"{place} does not end in .json.", "Name the profile's file, such as my-profile.json.")
    if place.exists():
        try:
            Profile.load(place)
        except HeadError as error:
            raise SweepError(
                f"{place} holds something that is no profile: {error.message}", "Name another file."
            ) from error


def at_point(
    model: Model, base: Profile | None, selected: Selected, outcome: Outcome, name: str, *, force: bool = False
) -> Profile:
    """Return a profile whose heads, strength and scope are those of the recommended point, measured anew.

    Args:
        model: The model.
        base: The profile that was swept; None where heads were named by hand.
        selected: Its gains and rule.
        outcome: The sweep.
        name: Of the profile where it has none yet.
        force: Whether it is written although rows that did not choose it speak against it.

    Raises:
        SweepError: No point is recommended, or such rows speak against it.
    """
    if outcome.chosen is None:
        raise SweepError(f"There is nothing to write: {outcome.why}", "Look at the front.")
    if outcome.refuted and not force:
        told = "; ".join(f"{PARTS[part]}: {', '.join(some)}" for part, some in outcome.refuted.items())
        raise SweepError(
            f"The recommended point did not hold on rows that did not choose it ({told}).",
            "Sweep with more --rows, or write it all the same with --force-write.",
        )
    point = outcome.chosen.point
    gains = selected.gains.top(point.heads)
    content: dict[str, Any] = {
        "gains": gains,
        "strength": point.strength,
        "scope": point.scope,
        "canaries": canaries.measure(model, gains, point.strength, point.scope, rule=selected.rule),
        "scores": _scores(outcome, outcome.chosen),
        "boldface": version("boldface"),
    }
    if base is None:
        return Profile(name, model.title, identity=model.identity, settings={"sweep": _said(outcome)}, **content)
    settings = {**base.settings, "sweep": _said(outcome), "scores before": dict(base.scores)}
    return replace(base, version=base.version + 1, settings=settings, **content)


def _scores(outcome: Outcome, chosen: Tried) -> dict[str, Any]:
    """What the point did, on rows that did not choose it where these were asked; which rows is told."""
    proof = outcome.parts.get("proof", {})
    proved = chosen.arm in proof
    arms = proof if proved else {BASELINE: outcome.plain, chosen.arm: chosen.measure}
    named = {BASELINE: "plain", chosen.arm: "steered"}
    named |= {chosen.point.arm(placebo): placebo.replace("-", " ") for placebo in PLACEBOS}
    found: dict[str, Any] = {named[arm]: _line(one) for arm, one in arms.items()}
    return {**found, "split": "validation" if proved else "validation, the rows that chose the point"}


def _line(one: Measure) -> dict[str, Any]:
    """A measure as profiles tell it."""
    tasks = {task: {**_short(share), "rows": share.n} for task, share in one.tasks.items()}
    return {
        "tasks": tasks,
        **{name: _short(told) for name, told in one.objectives.items()},
        "stuck": round(one.stuck, 4),
    }


def _short(estimate: Estimate) -> dict[str, float | None]:
    error = round(estimate.stderr, 4) if math.isfinite(estimate.stderr) else None
    return {"mean": round(estimate.mean, 4), "stderr": error}


def _said(outcome: Outcome) -> dict[str, Any]:
    """How the point came about."""
    asked = ("tasks", "rows", "settings", "variants", "space", "objectives", "sampler")
    told = {name: outcome.facts.get(name) for name in asked}
    told |= {"points": len(outcome.tried), "front": len(outcome.front), "why": outcome.why}
    return told | ({"refuted": dict(outcome.refuted)} if outcome.refuted else {})
