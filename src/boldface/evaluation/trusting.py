"""What a policy of trust leaves of the emphasis of an example whose prompt says where each text comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from boldface.emphasis.judging import Piece, Sourced, judge
from boldface.emphasis.policy import DEFAULT_POLICY, SOURCES, Policy
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.emphasis.strength import DEFAULT_STRENGTH, MAX_STRENGTH
from boldface.evaluation.arm import Trust
from boldface.tasks.example import Example

_POLICIES: Mapping[Trust, Policy] = {
    "default": DEFAULT_POLICY,
    "protecting": Policy(dict.fromkeys(SOURCES, MAX_STRENGTH)),
}


def allowed(example: Example, spans: tuple[CharSpan, ...], trust: Trust) -> tuple[CharSpan, ...]:
    """Return the spans that are steered when those given are wished for; their strength is the arm's.

    Nothing where the prompt does not say where its text comes from (``sources`` of its info), unless everybody may.
    """
    if trust == "everybody":
        return spans
    if "sources" not in example.info:
        return ()
    wished = Sourced(EmphasisedText(example.prompt.text, spans), pieces_of(example))
    judged = judge([wished], _POLICIES[trust], default=DEFAULT_STRENGTH)
    return tuple(replace(span, strength=None) for span in judged.texts[0].spans)


def is_refused(example: Example, spans: tuple[CharSpan, ...], trust: Trust) -> bool:
    """Tell whether a policy leaves nothing of what is wished for, so that the arm is to be asked unsteered."""
    judged = trust != "everybody" and "sources" in example.info
    return judged and bool(spans) and not allowed(example, spans, trust)


def pieces_of(example: Example) -> tuple[Piece, ...]:
    """What the prompt does not say comes from elsewhere is the user's, and behind it the model's own."""
    text, end = example.prompt.text, example.answer_start
    pieces = [Piece(start, stop, source) for start, stop, source in sorted(example.info.get("sources", ()))]
    pieces += [] if end is None else [Piece(end, len(text), "assistant")]
    covered, position = [], 0
    for piece in pieces:
        covered += [Piece(position, piece.start, "user"), piece]
        position = piece.end
    covered.append(Piece(position, len(text), "user"))
    return tuple(piece for piece in covered if piece.start < piece.end)
