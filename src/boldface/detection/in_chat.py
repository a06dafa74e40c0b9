"""Detection in a chat: only text that may emphasise is looked at, and only the user asks."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from boldface.detection.proposal import Proposal
from boldface.detection.searched import Searched, find_question, search
from boldface.emphasis.judging import Piece, Sourced
from boldface.emphasis.policy import Policy, Source
from boldface.emphasis.span import CharSpan

_APART = "\n\n"


@dataclass(frozen=True, slots=True)
class Placed:
    """A proposal, its characters those of a message's text, and where that text comes from."""

    proposal: Proposal
    message: int
    source: Source


def look(
    texts: Sequence[Sourced],
    propose: Callable[[Searched], list[Proposal]],
    policy: Policy,
    question: str | None = None,
) -> tuple[list[Placed], Mapping[Source, int]]:
    """Return the proposals for the messages of a chat, and how many characters of which source were not looked at.

    Text of sources that may not emphasise is not shown to the proposer at all: it gets no emphasis, and it has no say
    in which other text does.

    Args:
        texts: The text of every message, with what is emphasised already.
        propose: Proposes spans of one text.
        policy: Which sources may emphasise.
        question: What is asked; the user's last question unless given.
    """
    unread: Counter[Source] = Counter()
    pieces: list[tuple[int, Piece]] = []
    for index, each in enumerate(texts):
        for piece in each.pieces:
            if policy.limit(piece.source) > 0:
                pieces.append((index, piece))
            else:
                unread[piece.source] += piece.end - piece.start
    words = [texts[index].text.text[piece.start : piece.end] for index, piece in pieces]
    starts = [0]
    for one in words[:-1]:
        starts.append(starts[-1] + len(one) + len(_APART))
    asked = question if question is not None else _last_question(pieces, words)
    placed = []
    for proposal in propose(search(_APART.join(words), asked)) if words else ():
        place = bisect_right(starts, proposal.span.start) - 1
        index, piece = pieces[place]
        offset = piece.start - starts[place]
        start, end = proposal.span.start + offset, min(proposal.span.end + offset, piece.end)
        if start < end:
            span = replace(proposal.span, start=start, end=end)
            placed.append(Placed(replace(proposal, span=span), index, piece.source))
    return placed, dict(unread)


def _last_question(pieces: Sequence[tuple[int, Piece]], words: Sequence[str]) -> str:
    """Return what the last message with words of the user's asks; empty when it asks nothing."""
    mine = [index for index, piece in pieces if piece.source == "user"]
    if not mine:
        return ""
    said = [
        text for (index, piece), text in zip(pieces, words, strict=True) if index == mine[-1] and piece.source == "user"
    ]
    return next(filter(None, map(find_question, reversed(said))), "")


def with_spans(messages: Sequence[Mapping[str, Any]], added: Mapping[int, Sequence[CharSpan]]) -> list[dict[str, Any]]:
    """Return copies of messages with spans added to those that they have.

    Args:
        messages: The messages.
        added: Index of a message to spans of its text.
    """
    return [
        {**message, "spans": [*(message.get("spans") or ()), *map(_said, added.get(index, ()))]}
        if added.get(index)
        else dict(message)
        for index, message in enumerate(messages)
    ]


def _said(span: CharSpan) -> dict[str, Any]:
    strength = {} if span.strength is None else {"strength": span.strength}
    return {"start": span.start, "end": span.end, **strength}
