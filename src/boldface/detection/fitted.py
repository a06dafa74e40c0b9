"""Fits: how scores become confidences, as the file ``fitted.json`` has it; ``benchmarks/detection.py`` wrote it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

SEVERAL = 3
"""Paragraphs from which on they are several: an order and one paragraph are not."""


@dataclass(frozen=True)
class Fit:
    """A logistic regression.

    Attributes:
        weights: One a feature.
        intercept: What stands beside them.
        several: What holds instead in texts of several paragraphs, of which a question may need more than one.
    """

    weights: tuple[float, ...]
    intercept: float
    several: Fit | None = None

    def of(self, paragraphs: int) -> Fit:
        """Return what holds in a text of some paragraphs."""
        return self.several if self.several is not None and paragraphs >= SEVERAL else self

    def confidence(self, features: Sequence[float]) -> float:
        """Return the probability that a piece with these features is one that people mark."""
        reach = self.intercept + sum(weight * feature for weight, feature in zip(self.weights, features, strict=True))
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, reach))))


@cache
def fitted() -> Mapping[str, Fit]:
    """Return every fit by the name of its proposer."""
    content: dict[str, Any] = json.loads(files("boldface.detection").joinpath("fitted.json").read_text("utf-8"))
    return {name: _read(fit) for name, fit in content["proposers"].items()}


def _read(fit: Mapping[str, Any]) -> Fit:
    several = _read(fit["several"]) if "several" in fit else None
    return Fit(tuple(fit["weights"]), float(fit["intercept"]), several)
