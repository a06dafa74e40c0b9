"""How an arm writes an example's prompt: which words stand there, and which are emphasised."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from boldface.emphasis.span import CharSpan, EmphasisedText, flatten
from boldface.emphasis.strength import DEFAULT_STRENGTH
from boldface.evaluation.arm import Arm
from boldface.evaluation.noise import noisy, random_spans, users
from boldface.evaluation.trusting import allowed
from boldface.tasks.example import Example

Setting = Literal["raw", "chat"]
SETTINGS: tuple[Setting, ...] = ("raw", "chat")

SHOTS = "\n###\n"
"""Between few-shot examples, as PASTA's code joins them."""
_TAG = re.compile(r"<(\w+)>")

Prompt = EmphasisedText | list[dict[str, Any]]


@dataclass(frozen=True)
class Turn:
    """A text whose last part may be the model's own.

    Attributes:
        text: The prompt, its spans those that the arm steers.
        answer_start: Where the part begins that is the model's own; None when there is none.
    """

    text: EmphasisedText
    answer_start: int | None


def write(
    example: Example, arm: Arm, setting: Setting, shots: Sequence[Example] = (), strength: float = DEFAULT_STRENGTH
) -> Prompt:
    """Return the prompt of an arm: text for ``raw``, messages for ``chat``.

    Args:
        example: The example.
        arm: How it is written and emphasised.
        setting: With or without the model's chat template.
        shots: Answered examples for a few-shot arm.
        strength: Nats of the arm's emphasis, for noise that fights with it.
    """
    turn = _rewritten(_aimed(example, arm, strength), arm, example)
    if setting == "chat":
        earlier = [
            message for shot in shots for message in _messages(Turn(_bare(shot), shot.answer_start), shot.target)
        ]
        return earlier + _messages(turn)
    lead = "".join(shot.prompt.text + (shot.target or "") + SHOTS for shot in shots)
    return _inserted(turn, {0: lead}).text if lead else turn.text


def _aimed(example: Example, arm: Arm, strength: float) -> Turn:
    """The prompt with the spans that the arm steers."""
    spans = allowed(example, wished(example, arm, strength), arm.trust)
    return Turn(EmphasisedText(example.prompt.text, spans), example.answer_start)


def wished(example: Example, arm: Arm, strength: float = DEFAULT_STRENGTH) -> tuple[CharSpan, ...]:
    """Return the spans that an arm would steer (or mark, or repeat), whatever a policy says of them."""
    if arm.noise is not None:
        return noisy(example, arm.noise, strength)
    return {
        "asked": lambda: example.prompt.spans,
        "other": lambda: example.other,
        "random": lambda: random_spans(example),
        "none": lambda: example.prompt.spans if arm.writing in ("marked", "repeated") else (),
    }[arm.emphasis]()


def _rewritten(turn: Turn, arm: Arm, example: Example) -> Turn:
    text, spans = turn.text.text, flatten(turn.text.spans, 1.0)
    if arm.writing == "marked":
        tag = _TAG.fullmatch(arm.marker)
        closing = f"</{tag[1]}>" if tag else arm.marker
        pieces = [(span.start, arm.marker) for span in spans] + [(span.end, closing) for span in spans]
        turn = _inserted(turn, {place: "".join(piece for at, piece in pieces if at == place) for place, _ in pieces})
    elif arm.writing == "repeated":
        again = " ".join(text[span.start : span.end] for span in spans)
        end = users(example)
        space = text[len(text[:end].rstrip()) : end]
        turn = _inserted(turn, {end: ("" if space else " ") + again + (space if space or end == len(text) else " ")})
    if arm.writing in ("marked", "repeated"):
        turn = replace(turn, text=EmphasisedText(turn.text.text))
    return turn


def _inserted(turn: Turn, pieces: dict[int, str]) -> Turn:
    """Put pieces of text before characters; what is emphasised, and whose words they are, moves with them."""
    text, places = turn.text.text, sorted(pieces)
    starts = [0, *places]
    joined = "".join(text[start:place] + pieces[place] for start, place in zip(starts, places, strict=False))
    joined += text[starts[-1] :]

    def moved(place: int, *, before: bool) -> int:
        return place + sum(len(pieces[at]) for at in places if at < place or (at == place and before))

    spans = [
        replace(span, start=moved(span.start, before=True), end=moved(span.end, before=False))
        for span in turn.text.spans
    ]
    start = None if turn.answer_start is None else moved(turn.answer_start, before=True)
    return Turn(EmphasisedText(joined, tuple(spans)), start)


def _messages(turn: Turn, answer: str | None = None) -> list[dict[str, Any]]:
    """A user's turn, and what the assistant has said or begun to say."""
    text, start = turn.text.text, turn.answer_start
    asked = text[:start].rstrip()
    spans = [
        {"start": span.start, "end": min(span.end, len(asked))}
        | ({} if span.strength is None else {"strength": span.strength})
        for span in turn.text.spans
        if span.start < len(asked)
    ]
    user: dict[str, Any] = {"role": "user", "content": asked} | ({"spans": spans} if spans else {})
    said = ("" if start is None else text[start:]) + (answer or "")
    return [user, {"role": "assistant", "content": said.strip()}] if said.strip() else [user]


def _bare(example: Example) -> EmphasisedText:
    return EmphasisedText(example.prompt.text)
