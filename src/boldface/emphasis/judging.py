"""Judging: what remains of the wished emphasis when a policy has seen where every text comes from.

Emphasis is relative: whatever is lifted takes attention from everything else. So two things happen here. Spans of
sources that may not emphasise are refused, and reported. And where the rest lifts text of one source, text of every
source that the policy protects against it is lifted too, at least as much.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from boldface.emphasis.policy import SOURCES, Policy, Source
from boldface.emphasis.span import CharSpan, EmphasisedText, flatten


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters ``[start, end)`` of a text, which come from one source."""

    start: int
    end: int
    source: Source


Range = TypeVar("Range", Piece, CharSpan)


@dataclass(frozen=True, slots=True)
class Sourced:
    """A text, the emphasis that is wished for, and where its characters come from.

    Attributes:
        text: The text and its spans.
        pieces: Disjoint pieces in order that cover the text.
    """

    text: EmphasisedText
    pieces: tuple[Piece, ...]

    def __post_init__(self) -> None:
        edges = [0, *(edge for piece in self.pieces for edge in (piece.start, piece.end)), len(self.text.text)]
        if any(left != right for left, right in zip(edges[::2], edges[1::2], strict=True)):
            raise ValueError(f"{self.pieces} do not cover {len(self.text.text)} characters piece by piece")


@dataclass(frozen=True, slots=True)
class Refused:
    """A span that is not emphasised; its text stands in the prompt as it was.

    Attributes:
        message: Index of the message (of the text, where there are several).
        start: Its first character in the message's text.
        end: One past its last.
        text: These characters.
        source: Where they come from.
        reason: Why it was refused, without a full stop.
    """

    message: int
    start: int
    end: int
    text: str
    source: Source
    reason: str


@dataclass(frozen=True, slots=True)
class Protected:
    """Text that is lifted because text of a source that it is protected against is.

    Attributes:
        message: Index of the message.
        start: Its first character in the message's text.
        end: One past its last.
        text: These characters.
        source: Where they come from.
        strength: Nats that all of it is lifted by at least, but for what its own author suppressed.
    """

    message: int
    start: int
    end: int
    text: str
    source: Source
    strength: float


class Judgement(NamedTuple):
    """What a policy made of the emphasis.

    Attributes:
        texts: The texts with the emphasis that they get: disjoint spans, every strength in nats.
        refused: What was wished and is not done.
        protected: What is done and was not wished.
    """

    texts: tuple[EmphasisedText, ...]
    refused: tuple[Refused, ...]
    protected: tuple[Protected, ...]


def judge(texts: Sequence[Sourced], policy: Policy, *, default: float) -> Judgement:
    """Let a policy decide over the emphasis of the texts of one prompt.

    A span that covers text of several sources is judged source by source. Text of a protected source is lifted by the
    strongest lift of those that it is protected against, or by its own strength where that is larger; what its own
    author suppressed stays as far below the rest of it as he wished.

    Args:
        texts: All texts of the prompt, emphasised or not.
        policy: The policy.
        default: Nats of spans without a strength of their own.

    Raises:
        SpanError: Two spans pull the same text up and down alike.
        StrengthError: ``default`` is out of range.
    """
    refused: list[Refused] = []
    allowed: list[tuple[CharSpan, ...]] = []
    lifts: dict[Source, float] = dict.fromkeys(SOURCES, 0.0)
    for index, each in enumerate(texts):
        own: list[CharSpan] = []
        for piece, span in _by_piece(each, default):
            nats = span.strength or 0.0
            if why := policy.why_not(piece.source, nats):
                said = each.text.text[span.start : span.end]
                refused.append(Refused(index, span.start, span.end, said, piece.source, why))
                continue
            lifts[piece.source] = max(lifts[piece.source], nats)
            own.append(span)
        allowed.append(flatten(own, default))
    floors = _floors(lifts, policy)
    done: list[EmphasisedText] = []
    protected: list[Protected] = []
    for index, (each, own_spans) in enumerate(zip(texts, allowed, strict=True)):
        spans = [span for piece in each.pieces for span in _raised(each, piece, own_spans, floors[piece.source])]
        done.append(EmphasisedText(each.text.text, flatten(spans, default)))
        protected += _protections(index, each, own_spans, floors)
    return Judgement(tuple(done), tuple(refused), tuple(protected))


def _by_piece(each: Sourced, default: float) -> Iterator[tuple[Piece, CharSpan]]:
    """Cut the wished spans at the edges of the pieces; a cut-off part that is white space is no wish."""
    for span in each.text.spans:
        nats = default if span.strength is None else span.strength
        for piece in _meeting(each.pieces, span):
            start, end = max(span.start, piece.start), min(span.end, piece.end)
            whole = (start, end) == (span.start, span.end)
            if whole or each.text.text[start:end].strip():
                yield piece, CharSpan(start, end, nats)


def _floors(lifts: dict[Source, float], policy: Policy) -> dict[Source, float]:
    """Return the least lift of all text of every source; a raised source raises those protected against it in turn."""
    floors: dict[Source, float] = dict.fromkeys(SOURCES, 0.0)
    for _ in SOURCES:  # a chain of protections has no more links than there are sources
        for source, against in policy.protects.items():
            floors[source] = max([floors[source], *(max(lifts[other], floors[other]) for other in against)])
    return floors


def _raised(each: Sourced, piece: Piece, own: Sequence[CharSpan], floor: float) -> list[CharSpan]:
    """Return the spans of a piece: its own, raised to the floor where they lift, and the rest of it at the floor."""
    inside = [
        replace(span, start=max(span.start, piece.start), end=min(span.end, piece.end)) for span in _meeting(own, piece)
    ]
    if floor == 0:
        return inside
    spans: list[CharSpan] = []
    position, end = _words(each, piece)
    for span in inside:
        if each.text.text[position : span.start].strip():
            spans.append(CharSpan(position, span.start, floor))
        nats = span.strength or 0.0
        spans.append(replace(span, strength=max(nats, floor) if nats >= 0 else nats + floor))
        position = max(position, span.end)
    if position < end:
        spans.append(CharSpan(position, end, floor))
    return spans


def _protections(index: int, each: Sourced, own: Sequence[CharSpan], floors: dict[Source, float]) -> list[Protected]:
    """Report the pieces whose emphasis is not what was wished for them."""
    reports = []
    for piece in each.pieces:
        floor = floors[piece.source]
        if floor == 0 or _raised(each, piece, own, floor) == _raised(each, piece, own, 0.0):
            continue
        start, end = _words(each, piece)
        reports.append(Protected(index, start, end, each.text.text[start:end], piece.source, floor))
    return reports


def _words(each: Sourced, piece: Piece) -> tuple[int, int]:
    """Return where a piece's text begins and ends, without the white space around it; an empty range at its end."""
    text = each.text.text[piece.start : piece.end]
    start = piece.start + len(text) - len(text.lstrip())
    return start, max(start, piece.start + len(text.rstrip()))


def _meeting(ranges: Sequence[Range], other: Piece | CharSpan) -> Iterator[Range]:
    """Yield those of some disjoint ranges in order that share a character with another one."""
    for place in range(bisect_right(ranges, other.start, key=lambda one: one.end), len(ranges)):
        if ranges[place].start >= other.end:
            return
        if ranges[place].start < ranges[place].end:
            yield ranges[place]
