"""What Prometheus reads of a profile's canaries: what is left of its effect, against what the profile itself says.

The thresholds stand beside the figures, under the same labels, because every profile has its own: an alert compares
two figures, and needs no number of ours.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

if TYPE_CHECKING:
    from boldface.insight.drift import Drift

_LABELS = ("model", "profile")


class CanaryFigures:
    """The figures of all profiles whose canaries are measured.

    Args:
        registry: Gets them.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, words: str) -> Gauge:
            return Gauge(f"boldface_{name}", words, _LABELS, registry=registry)

        self._kept = gauge(
            "profile_effect_kept",
            "Share of a profile's effect on its canaries that stands as it was when it was made",
        )
        self._kept_low = gauge("profile_effect_kept_low", "Lower end of its 95 % interval over the canaries")
        self._kept_high = gauge("profile_effect_kept_high", "Upper end of its 95 % interval over the canaries")
        self._valid = gauge("profile_effect_kept_valid", "Share from which on the profile is valid")
        self._broken = gauge("profile_effect_kept_broken", "Share below which the profile is broken")
        self._verdict = Gauge(
            "boldface_profile_verdict",
            "1 for the verdict on a profile, 0 for the others",
            (*_LABELS, "verdict"),
            registry=registry,
        )
        self._effect = gauge("canary_effect_nats", "By how much emphasis makes the canaries' targets likelier, a token")
        self._made = gauge("canary_effect_made_nats", "The same when the profile was made")
        self._made_low = gauge("canary_effect_made_low_nats", "Lower end of its 95 % interval over the canaries")
        self._made_high = gauge("canary_effect_made_high_nats", "Upper end of its 95 % interval over the canaries")
        self._plain = gauge("canary_plain_moved_nats", "How far the plain model's log-probabilities moved, per token")
        self._rounds = Counter(
            "boldface_canary_rounds",
            "Times that all canaries of a profile were asked, by whether that gave a verdict",
            (*_LABELS, "outcome"),
            registry=registry,
        )
        self._last = gauge(
            "canary_last_verdict_timestamp_seconds", "When the last verdict was given, or the watch began, since 1970"
        )
        self._period = gauge(
            "canary_period_seconds", "Time that a round takes, rests included; there only where rounds go on"
        )

    def watched(self, model: str, profile: str) -> None:
        """Tell that the canaries of a profile are going to be measured."""
        for outcome in ("verdict", "failure"):
            self._rounds.labels(model, profile, outcome)
        self._last.labels(model, profile).set(time.time())

    def paced(self, model: str, profile: str, period: float) -> None:
        """Tell how long a round takes as things are, in seconds, rests included."""
        self._period.labels(model, profile).set(period)

    def measured(self, model: str, profile: str, drift: Drift) -> None:
        """Tell what a round found."""
        for gauge, value in (
            (self._kept, drift.kept.mean),
            (self._kept_low, drift.kept.low),
            (self._kept_high, drift.kept.high),
            (self._valid, drift.valid_from),
            (self._broken, drift.broken_below),
            (self._effect, drift.now),
            (self._made, drift.expected.mean),
            (self._made_low, drift.expected.low),
            (self._made_high, drift.expected.high),
            (self._plain, drift.plain_moved),
            (self._last, time.time()),
        ):
            gauge.labels(model, profile).set(value)
        for verdict in ("valid", "drifted", "broken"):
            self._verdict.labels(model, profile, verdict).set(verdict == drift.verdict)
        self._rounds.labels(model, profile, "verdict").inc()

    def failed(self, model: str, profile: str) -> None:
        """Tell that a round ended without a verdict."""
        self._rounds.labels(model, profile, "failure").inc()
