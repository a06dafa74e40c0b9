"""The picture of an explanation: one HTML file that asks for nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from textwrap import shorten
from typing import Any, NamedTuple

from markupsafe import Markup

from boldface.evaluation.pages import templates
from boldface.insight.explaining.explanation import ExplainedHead, Explanation
from boldface.insight.explaining.wording import (
    DIVERGENCES,
    about,
    degree,
    moved,
    nats,
    percent,
    seen,
    strongest,
    verdict,
)
from boldface.profiles.heads import Head

CHANGES = (1.25, 2.0, 5.0, 20.0)
"""Ratios from which on a share of the attention has changed a little, …, a lot."""
_CELL, _NARROW, _LEFT, _BELOW = 18, 12, 30, 18
_AXIS, _UNIT = 15.0, 100_000


class Bar(NamedTuple):
    """A head and what it did: where its bar begins, how wide it is, and where its slope's mark stands, in per cent."""

    head: Head
    one: ExplainedHead
    axis: float
    start: float
    width: float
    expected: float | None


class Cell(NamedTuple):
    """A head on a map: where it stands, the size of its mark, the mark's kind, and what is said of it."""

    x: float
    y: float
    size: float
    kind: str
    words: str


@dataclass(frozen=True)
class Map:
    """All heads of the model: layers from left to right, heads from top to bottom."""

    title: str
    width: int
    height: int
    cell: int
    cells: tuple[Cell, ...]
    layers: tuple[tuple[float, int], ...]
    rows: tuple[tuple[float, int], ...]


def render_html(told: Explanation) -> str:
    """Return the explanation as one self-contained HTML page."""
    environment = templates("boldface.insight.explaining")
    environment.filters |= {"percent": percent, "nats": nats, "moved": moved, "seen": seen}
    environment.globals |= {"change": _change, "degree": degree, "changes": CHANGES, "divergences": DIVERGENCES}
    files = resources.files("boldface.insight.explaining") / "templates"
    script = (files / "explanation.js").read_text("utf-8")
    return environment.get_template("explanation.html.jinja").render(
        told=told,
        verdict=verdict(told),
        bars=[_bars(told, heads) for heads in strongest(told)],
        effects=_map(told, "What each head did", lambda one: (math.sqrt(abs(one.weight)), _kind(one))),
        looks=[_map(told, title, look) for title, look in _looks(told)],
        heat=_heat(told),
        style=Markup((files / "explanation.css").read_text("utf-8")),
        script=Markup(script),
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _bars(told: Explanation, heads: Sequence[Head]) -> list[Bar]:
    """Lay out bars that grow to the right for the answer, and to the left against it."""
    named = [told.heads[head] for heads in strongest(told) for head in heads]
    largest = max((abs(one.weight) for one in named), default=0.0) or 1.0
    scale = (100 - _AXIS) / largest

    def bar(head: Head) -> Bar:
        one = told.heads[head]
        axis = _AXIS if one.weight > 0 else 100 - _AXIS
        width = scale * abs(one.weight)
        expected = None
        if one.effect is not None and one.expected is not None:
            expected = min(100.0, max(0.0, axis + scale * one.expected))
        return Bar(head, one, axis, axis if one.weight > 0 else axis - width, width, expected)

    return [bar(head) for head in heads]


_Look = Callable[[ExplainedHead], tuple[float, str]]
"""Gives the side of a head's mark, in any unit, and the mark's kind."""


def _kind(one: ExplainedHead) -> str:
    return "unsteered" if not one.gain else "helped" if one.weight > 0 else "hindered"


def _looks(told: Explanation) -> list[tuple[str, _Look]]:
    """Return what the maps of the attention show: on every span, or on all of them where there is one."""
    named = (
        [("the emphasis", None)]
        if len(told.spans) == 1
        else [
            (f"span {place + 1}, “{shorten(seen(span.text), 40, placeholder='…')}”", place)
            for place, span in enumerate(told.spans)
        ]
    )
    found: list[tuple[str, _Look]] = []
    for words, place in named:
        for title, side in (("Without emphasis", "before"), ("With emphasis", "after")):

            def look(one: ExplainedHead, place: int | None = place, side: str = side) -> tuple[float, str]:
                share = getattr(one.emphasis if place is None else one.spans[place], side)
                return math.sqrt(share), "looked"

            found.append((f"{title}: attention on {words}", look))
    return found


def _map(told: Explanation, title: str, look: _Look) -> Map:
    """Lay out all heads; the area of a mark is its share of the largest one, or of the whole attention."""
    drawn = {head: look(one) for head, one in told.heads.items()}
    largest = max((side for side, _ in drawn.values()), default=0.0) or 1.0
    largest = 1.0 if "looked" in {kind for _, kind in drawn.values()} else largest
    depth = max(head.layer for head in told.heads) + 1
    rows = max(head.head for head in told.heads) + 1
    cell = _CELL if max(depth, rows) <= 48 else _NARROW
    cells = tuple(
        Cell(
            _LEFT + head.layer * cell,
            head.head * cell,
            0.0 if kind == "unsteered" else max(2.0, (cell - 2) * side / largest),
            kind,
            about(head, told.heads[head]),
        )
        for head, (side, kind) in drawn.items()
    )
    step = next(step for step in (1, 2, 5, 10, 20, 50) if step * cell >= 26)
    return Map(
        title,
        _LEFT + depth * cell,
        rows * cell + _BELOW,
        cell,
        cells,
        tuple((_LEFT + (layer + 0.5) * cell, layer) for layer in range(0, depth, step)),
        tuple(((head + 0.5) * cell, head) for head in range(0, rows, 1 if cell == _CELL else step)),
    )


def _change(before: float, after: float) -> int:
    """Return the shade of a change: 0 for none, up to 4 for more attention, down to -4 for less."""
    if after < before:
        return -_change(after, before)
    return 0 if before == after else sum(after >= least * before for least in CHANGES)


def _heat(told: Explanation) -> dict[str, Any]:
    """Return where every token of the answer looked in the prompt, in whole hundred thousandths of the attention."""
    width = len(told.tokens)

    def whole(rows: Sequence[Sequence[float]]) -> list[list[int]]:
        return [[round(_UNIT * share) for share in row[:width]] for row in rows]

    return {"unit": _UNIT, "before": whole(told.heat.before), "after": whole(told.heat.after)}
