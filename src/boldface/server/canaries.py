"""Do profiles do on the served model what they did when they were made? Asked beside the requests, a little at a time.

One canary at a time is measured between two steps of the batch, so a request waits for one of them at most. At the
start that happens once, at once; or again and again, spread over a period, and never for more than :data:`SHARE` of
the time, however short the period.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from boldface.engine.model import Model
from boldface.errors import BoldfaceError, HeadError
from boldface.insight.drift import Measured, check, check_canaries
from boldface.profiles.profile import Profile
from boldface.server.logs import LOGGER, tell
from boldface.server.metrics import Metrics

Between = Callable[[Callable[[], Measured]], Measured]
"""Runs a function with the model between two steps of the batch, and returns what it returns."""

SHARE = 0.05
"""Most of a model's time that goes to canaries which are measured again and again."""


class Watch:
    """Measures the canaries of a model's profiles, in a thread of its own.

    Args:
        name: What the model is served as.
        model: The model.
        profiles: Its profiles; one whose canaries cannot tell drift is named in the log, and left out.
        between: Gives the model.
        metrics: Get the figures.
        at_once: Measure all of them once without a rest.
        period: Seconds in which all of them are measured anew, again and again; None for never.

    Attributes:
        thread: The thread.
    """

    def __init__(
        self,
        name: str,
        model: Model,
        profiles: Sequence[Profile],
        between: Between,
        metrics: Metrics,
        *,
        at_once: bool = True,
        period: float | None = None,
    ) -> None:
        self._name, self._model, self._between, self._figures = name, model, between, metrics.canaries
        self._at_once, self._period = at_once, period
        self._profiles = [profile for profile in profiles if self._can_tell(profile)]
        self._count = sum(len(profile.canaries) for profile in self._profiles)
        self._over = threading.Event()
        self._took = 0.0
        self.thread = threading.Thread(target=self._run, name="boldface-canaries", daemon=True)

    def start(self) -> None:
        """Begin."""
        for profile in self._profiles:
            self._figures.watched(self._name, profile.name)
        self.thread.start()

    def stop(self) -> None:
        """End after the canary that is being measured; what gave the model must still run, or have ended."""
        self._over.set()
        self.thread.join()

    def _run(self) -> None:
        if self._at_once:
            for profile in self._profiles:
                self._check(profile, self._model_is_free)
        while self._period is not None and self._profiles and not self._over.is_set():
            for profile in self._profiles:
                if not self._check(profile, self._rested):
                    self._over.wait(self._period)

    def _can_tell(self, profile: Profile) -> bool:
        try:
            check_canaries(profile)
        except HeadError as error:
            self._tell("profile not checked", profile, reason=error.message)
            return False
        return True

    def _check(self, profile: Profile, each: Between) -> bool:
        """Measure all canaries of a profile and tell the verdict, or why there is none; return whether there is one."""
        try:
            drift = check(profile, self._model, each=each)
        except Exception as error:
            if self._over.is_set():
                return False
            self._figures.failed(self._name, profile.name)
            if not isinstance(error, BoldfaceError):
                LOGGER.error("unforeseen", exc_info=error)
            reason = error.message if isinstance(error, BoldfaceError) else type(error).__name__
            self._tell("profile not checked", profile, reason=reason)
            return False
        self._figures.measured(self._name, profile.name, drift)
        self._tell("profile checked", profile, verdict=drift.verdict, kept=round(drift.kept.mean, 4))
        return True

    def _model_is_free(self, run: Callable[[], Measured]) -> Measured:
        if self._over.is_set():
            raise _OverError
        return self._between(run)

    def _rested(self, run: Callable[[], Measured]) -> Measured:
        """Measure one canary, after as long a rest as the period and the share of the time ask for."""
        assert self._period is not None
        each = max(self._period / self._count, self._took / SHARE)
        for profile in self._profiles:
            self._figures.paced(self._name, profile.name, each * self._count)
        self._over.wait(each - self._took)

        def timed() -> Measured:
            began = time.monotonic()
            try:
                return run()
            finally:
                self._took = time.monotonic() - began

        return self._model_is_free(timed)

    def _tell(self, event: str, profile: Profile, **facts: object) -> None:
        tell(event, {"model": self._name, "profile": profile.name, **facts})


class _OverError(Exception):
    """The watch was stopped."""
