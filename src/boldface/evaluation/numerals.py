"""How numbers are written in a report: shares in per cent, errors behind ±, a real minus sign."""

from __future__ import annotations

import math

from boldface.metrics.statistics import Estimate

SUFFIX = {"share": "%", "bits": "bits", "nats": "nats", "tokens": "tokens", "words": "words", "count": ""}
"""Unit of a metric to what stands behind its heading."""

_DIGITS = {"share": 1, "bits": 2, "nats": 3, "tokens": 1, "words": 1, "count": 2}


def written(number: float, unit: str, *, signed: bool = False) -> str:
    """Return a number in its unit, without the unit's name: ``0.6`` as a share is ``60.0``."""
    digits = _DIGITS[unit]
    text = f"{number * 100 if unit == 'share' else number:{'+' if signed else ''}.{digits}f}"
    if float(text) == 0:
        text = f"{0:.{digits}f}"
    return text.replace("-", "−")


def with_error(estimate: Estimate, unit: str) -> str:
    """Return a mean and its standard error, for example ``60.0 ± 4.9``; the mean alone of one group, which has none."""
    mean = written(estimate.mean, unit)
    return f"{mean} ± {written(estimate.stderr, unit)}" if math.isfinite(estimate.stderr) else mean


def interval(low: float, high: float, unit: str, *, signed: bool = False) -> str:
    """Return a 95 % interval, for example ``[50.2, 69.1]``; ``none`` where nothing can be said (it is infinite)."""
    if not math.isfinite(high - low):
        return "none"
    return f"[{written(low, unit, signed=signed)}, {written(high, unit, signed=signed)}]"


def p_value(p: float) -> str:
    """Return a p value with two significant digits; below 0.001 only that."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def seconds(number: float) -> str:
    """Return a duration of one row in seconds, or in milliseconds below a tenth of a second."""
    return f"{number:.2f} s" if number >= 0.1 else f"{number * 1000:.1f} ms"
