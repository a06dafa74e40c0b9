"""Spans: half-open ranges ``[start, end)`` with a strength, over characters or over tokens."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import pairwise

from boldface.emphasis.strength import check_strength
from boldface.errors import SpanError


@dataclass(frozen=True, slots=True)
class CharSpan:
    """Characters ``[start, end)`` of a text, emphasised by ``strength`` nats.

    Attributes:
        start: First character.
        end: One past the last character.
        strength: Nats; negative suppresses, None is "the default", resolved late
            (call argument, else profile, else 4.605).
    """

    start: int
    end: int
    strength: float | None = None

    def __post_init__(self) -> None:
        _check_range(self.start, self.end)
        if self.strength is not None:
            object.__setattr__(self, "strength", check_strength(self.strength))


@dataclass(frozen=True, slots=True, order=True)
class TokenSpan:
    """Tokens ``[start, end)`` of a prompt, emphasised by ``strength`` nats (resolved, never None)."""

    start: int
    end: int
    strength: float

    def __post_init__(self) -> None:
        _check_range(self.start, self.end)
        object.__setattr__(self, "strength", check_strength(self.strength))


@dataclass(frozen=True, slots=True)
class EmphasisedText:
    """A text and what is emphasised in it; the text holds no markup any more.

    Spans may touch or overlap until :func:`flatten` resolves them.

    Raises:
        SpanError: When a span ends beyond the text.
    """

    text: str
    spans: tuple[CharSpan, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise SpanError(f"A text is a string, not {type(self.text).__name__}.", "Pass the words themselves.")
        spans = tuple(self.spans) if isinstance(self.spans, Iterable) else (self.spans,)
        if wrong := [span for span in spans if not isinstance(span, CharSpan)]:
            raise SpanError(f"{wrong[0]!r} is no CharSpan.", "Write for example (CharSpan(0, 4),).")
        object.__setattr__(self, "spans", tuple(sorted(spans, key=_order)))
        for span in self.spans:
            if span.end > len(self.text):
                raise SpanError(
                    f"Span [{span.start}, {span.end}) ends beyond the text of {len(self.text)} characters.",
                    "Spans are half-open character offsets into the text without markup.",
                )


def flatten(spans: Iterable[CharSpan], default: float) -> tuple[CharSpan, ...]:
    """Resolve default strengths and make spans disjoint and sorted; the larger size wins where two overlap.

    Neighbours of equal strength are merged, so that a span marked in two pieces equals one marked whole.
    Strength 0 is kept: it says "not emphasised" where nothing larger covers it.

    Args:
        spans: Spans that may overlap.
        default: Nats for spans whose strength is None.

    Raises:
        SpanError: When +s and -s cover the same character.
    """
    begin: defaultdict[int, list[float]] = defaultdict(list)
    finish: defaultdict[int, list[float]] = defaultdict(list)
    for span in spans:
        nats = check_strength(default) if span.strength is None else span.strength
        begin[span.start].append(nats)
        finish[span.end].append(nats)
    flat: list[CharSpan] = []
    covering: Counter[float] = Counter()
    sizes: list[float] = []  # a heap of -|nats|, the largest on top; those below may have finished
    for start, end in pairwise(sorted(begin.keys() | finish.keys())):
        covering.subtract(finish[start])
        covering.update(begin[start])
        for nats in begin[start]:
            heappush(sizes, -abs(nats))
        while sizes and not (covering[sizes[0]] or covering[-sizes[0]]):
            heappop(sizes)
        if not sizes:
            continue
        largest = [nats for nats in (-sizes[0], sizes[0]) if covering[nats]]
        strength = strongest(largest, f"characters [{start}, {end})")
        if flat and flat[-1].end == start and flat[-1].strength == strength:
            flat[-1] = replace(flat[-1], end=end)
        else:
            flat.append(CharSpan(start, end, strength))
    return tuple(flat)


def strongest(strengths: list[float], where: str) -> float:
    """Return the strength of the largest size; raise SpanError when +s and -s tie at ``where``."""
    best = max(strengths, key=abs)
    if best != 0 and -best in strengths:
        raise SpanError(
            f"Two spans pull {where} by {best:+g} and {-best:+g} nats.", "Remove one of them or make one larger."
        )
    return best


def _order(span: CharSpan) -> tuple[int, int, bool, float]:
    """Order spans by place; of one place, the default strength first."""
    return span.start, span.end, span.strength is not None, span.strength or 0.0


def _check_range(start: int, end: int) -> None:
    if isinstance(start, bool) or isinstance(end, bool) or not isinstance(start, int) or not isinstance(end, int):
        raise SpanError(
            f"Span offsets must be whole numbers, not {start!r} and {end!r}.", "Give character or token indices."
        )
    if start < 0:
        raise SpanError(
            f"Span [{start}, {end}) starts before 0.", "Offsets count from 0; negative ones are not allowed."
        )
    if end <= start:
        raise SpanError(f"Span [{start}, {end}) is empty.", "Spans are half-open: [start, end) with end > start.")
