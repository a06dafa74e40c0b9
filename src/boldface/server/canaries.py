"""Does a profile do on the served model what it did when it was made? Asked once, beside the requests."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from boldface.engine.model import Model
from boldface.errors import BoldfaceError
from boldface.insight.drift import Measured, check
from boldface.profiles.profile import Profile
from boldface.server.logs import tell
from boldface.server.metrics import Metrics

Between = Callable[[Callable[[], Measured]], Measured]
"""Runs a function with the model between two steps of the batch, and returns what it returns."""


def watch(name: str, model: Model, profile: Profile, between: Between, metrics: Metrics) -> Thread:
    """Begin to measure the canaries of a profile, one between two steps at a time; the metrics get the verdict.

    Args:
        name: What the model is served as.
        model: The model.
        profile: The profile.
        between: Gives the model.
        metrics: Get share kept and verdict.

    Returns:
        The thread that measures; it ends by itself.
    """
    thread = Thread(target=_check, args=(name, model, profile, between, metrics), name="canaries", daemon=True)
    thread.start()
    return thread


def _check(name: str, model: Model, profile: Profile, between: Between, metrics: Metrics) -> None:
    try:
        drift = check(profile, model, each=between)
    except BoldfaceError as error:
        tell("profile not checked", {"model": name, "profile": profile.name, "reason": error.message})
        return
    metrics.drifted(name, profile.name, drift)
    tell(
        "profile checked",
        {"model": name, "profile": profile.name, "verdict": drift.verdict, "kept": round(drift.kept.mean, 4)},
    )
