"""Knobs of an arm: another strength, fewer heads, another scope, closed loops, drawn words.

An example is ``steered:strength=2.5:heads=40``.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

from boldface.emphasis.strength import MAX_STRENGTH
from boldface.errors import TaskError
from boldface.evaluation.arm import Arm

KNOBS = ("strength", "heads", "only", "scope", "target", "gate", "temperature")
"""Nats; so many heads of largest gain; the only layer or head; ``all`` or ``answer``; the target share beyond which
nothing is lifted; how plausible steered words have to be; how evenly words are drawn."""
HOTTEST = 10.0
_PLACE = re.compile(r"L\d{1,6}(H\d{1,6})?")


def turned(arm: Arm, name: str, knobs: str) -> Arm:
    """Return an arm with its knobs turned.

    Args:
        arm: The arm as it is.
        name: What it is called then.
        knobs: ``KNOB=VALUE``, with colons between them.

    Raises:
        TaskError: There is no such knob, it is turned twice or too far, or the arm does not have it.
    """
    fields: dict[str, Any] = {}
    said = []
    for word in knobs.split(":"):
        knob, _, value = word.partition("=")
        if knob not in KNOBS:
            raise TaskError(f"{name!r} has no knob {knob!r}.", f"Choose among {', '.join(KNOBS)}.")
        field = {"heads": "top"}.get(knob, knob)
        if field in fields:
            raise TaskError(f"{name!r} says {knob} twice.", "Say it once.")
        fields[field], told = _read(name, knob, value)
        said.append(told)
    _check(arm, name, fields)
    if "strength" in fields:
        fields["times"] = 1.0
    return replace(arm, name=name, title=", ".join([arm.title, *said]), **fields)


def _read(name: str, knob: str, value: str) -> tuple[Any, str]:
    """Return a knob's value, and what it says in a title."""
    if knob == "scope" and value in ("all", "answer"):
        return value, f"{value} scope"
    if knob == "only" and _PLACE.fullmatch(value):
        return value, value
    if knob == "heads" and re.fullmatch(r"[1-9]\d{0,5}", value):
        return int(value), f"{value} head{'' if value == '1' else 's'}"
    number = _number(value)
    if knob == "strength" and abs(number) <= MAX_STRENGTH:
        return number, f"{number:g} nats"
    if knob in ("target", "gate") and 0 < number < 1:
        return number, f"{knob} {number:g}"
    if knob == "temperature" and 0 <= number <= HOTTEST:
        return number, f"temperature {number:g}" if number else "greedy"
    hint = {
        "strength": f"Nats, from {-MAX_STRENGTH:g} to {MAX_STRENGTH:g}.",
        "heads": "How many heads, from 1.",
        "only": "A layer such as L12, or a head such as L12H7.",
        "scope": "all or answer.",
        "target": "A share between 0 and 1.",
        "gate": "A share between 0 and 1.",
        "temperature": f"From 0, which is greedy, to {HOTTEST:g}.",
    }[knob]
    raise TaskError(f"{name!r} cannot have {knob} {value!r}.", hint)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _check(arm: Arm, name: str, fields: dict[str, Any]) -> None:
    """Refuse knobs that would turn nothing."""
    if arm.heads == "none" and fields.keys() - {"temperature"}:
        raise TaskError(f"{arm.name!r} steers nothing, so {name!r} would be the same.", "Leave its knobs out.")
    if arm.rule == "share" and "strength" in fields:
        raise TaskError(f"{arm.name!r} finds its strength itself.", "Write for example spotlight=0.3.")
    if arm.rule == "share" and "target" in fields:
        raise TaskError(f"{arm.name!r} has a target share of its own.", "Write for example spotlight=0.3.")
    if odd := [knob for knob in ("target", "gate") if knob in fields and getattr(arm, knob) is not None]:
        raise TaskError(f"{name!r} says {odd[0]} twice.", "Say it once.")
    if arm.heads == "all" and "top" in fields:
        raise TaskError(f"All heads of {arm.name!r} have the same gain, so none are the largest.", "Write only=L12.")
    if "only" in fields and "top" in fields:
        raise TaskError(f"{name!r} names its heads and counts them.", "Leave heads= or only= out.")
