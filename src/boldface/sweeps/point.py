"""An operating point: how strongly, how many heads, which queries, how words are chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SteeredScope = Literal["all", "answer"]
DIGITS = 2
"""Of a strength in nats: a hundredth of a nat is a factor of 1.01."""


@dataclass(frozen=True)
class Point:
    """One setting of a profile.

    Attributes:
        strength: In nats.
        heads: How many heads of largest gain are steered.
        scope: Which queries are steered.
        temperature: How evenly words are drawn; 0 is greedy.
    """

    strength: float
    heads: int
    scope: SteeredScope = "all"
    temperature: float = 0.0

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Point:
        """Return the point of a trial's parameters."""
        return cls(
            round(float(params["strength"]), DIGITS),
            round(params["heads"]),
            params["scope"],
            float(params["temperature"]),
        )

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of a trial of this point."""
        return {
            "strength": self.strength,
            "heads": self.heads,
            "scope": self.scope,
            "temperature": self.temperature,
        }

    def __str__(self) -> str:
        drawn = f", temperature {self.temperature:g}" if self.temperature else ""
        factor = math.exp(self.strength)
        return f"{self.strength:g} nats (×{factor:.3g}), {self.heads} heads, scope {self.scope}{drawn}"

    def arm(self, base: str = "steered") -> str:
        """Return the name of an evaluation's arm at this point: the steered one, or a placebo."""
        drawn = f":temperature={self.temperature:g}" if self.temperature else ""
        return f"{base}:strength={self.strength:g}:heads={self.heads}:scope={self.scope}{drawn}"
