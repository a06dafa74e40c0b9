"""What a person writes for one side of a sweep: a range, a range in steps, or the values themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from boldface.errors import SweepError

MOST = 1000
"""Values of one axis."""


@dataclass(frozen=True)
class Axis:
    """What may be tried of one thing.

    Attributes:
        low: Least value.
        high: Greatest value.
        values: What alone is tried, ascending; empty where everything between the two may be.
    """

    low: float
    high: float
    values: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: tuple[float, ...]) -> Axis:
        """Return the axis of some values."""
        ordered = tuple(sorted(set(values)))
        return cls(ordered[0], ordered[-1], ordered)

    def holds(self, value: float) -> bool:
        """Tell whether a value may be tried."""
        return value in self.values if self.values else self.low <= value <= self.high

    def __str__(self) -> str:
        if self.values:
            return ", ".join(f"{value:g}" for value in self.values)
        return f"{self.low:g} to {self.high:g}"


def read_axis(text: str, name: str, convert: Callable[[float], float], *, even: bool = True) -> Axis:
    """Read ``1:8`` (everything between), ``1:8:5`` (five values) or ``1,2,4``.

    Args:
        text: What somebody wrote.
        name: What it is called in errors.
        convert: From what is written to what is meant; it may turn the order round.
        even: Whether steps are even, else by a constant factor.

    Raises:
        SweepError: It cannot be read.
        BoldfaceError: ``convert`` refuses a value.
    """
    parts = text.split(":")
    hint = f"Write for example {name} 1:8, {name} 1:8:5 (five values) or {name} 1,2,4."
    try:
        if len(parts) == 1:
            return Axis.of(tuple(convert(_finite(word)) for word in text.split(",")))
        low, high = sorted(convert(_finite(word)) for word in parts[:2])
        count = int(parts[2]) if len(parts) == 3 else 0
    except SweepError:
        raise
    except ValueError as error:
        if hasattr(error, "hint"):  # our own, of a value that makes no sense
            raise
        raise SweepError(f"{name} {text!r} cannot be read.", hint) from None
    if len(parts) > 3 or low == high or (len(parts) == 3 and not 2 <= count <= MOST):
        raise SweepError(f"{name} {text!r} is no range, or has no two values.", hint)
    if not count:
        return Axis(low, high)
    steps = [place / (count - 1) for place in range(count)]
    if even or low <= 0:
        return Axis.of(tuple(round(low + (high - low) * step, 6) for step in steps))
    return Axis.of(tuple(round(low * (high / low) ** step, 6) for step in steps))


def _finite(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(word)
    return number
