"""A prompt as a diagnosis looks through it: its texts, and the places that are emphasised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from boldface.emphasis.content import PlainMessage, read_message
from boldface.emphasis.markup import parse
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.prompts import Prompt

Words = EmphasisedText | tuple[PlainMessage, ...]
"""A text, or the messages of a chat."""
SEARCHED = ("system", "developer", "user")
"""Roles whose words are looked through for what should be emphasised."""


class Place(NamedTuple):
    """Emphasised characters.

    Attributes:
        message: Index of the message that they stand in; 0 for a prompt that is one text.
        span: The characters of it.
    """

    message: int
    span: CharSpan


def read_prompt(prompt: Prompt) -> Words:
    """Return a prompt as it is looked through; markup of a text is read.

    Raises:
        EmphasisError: It cannot be read.
    """
    if isinstance(prompt, str):
        return parse(prompt)
    if isinstance(prompt, EmphasisedText):
        return prompt
    return tuple(read_message(message, f"messages[{index}]") for index, message in enumerate(prompt))


def texts(words: Words) -> list[str]:
    """Return the text of every message that may be looked through, empty for others."""
    if isinstance(words, EmphasisedText):
        return [words.text]
    return [message.text if message.fields.get("role") in SEARCHED else "" for message in words]


def places(words: Words) -> tuple[Place, ...]:
    """Return what is emphasised."""
    if isinstance(words, EmphasisedText):
        return tuple(Place(0, span) for span in words.spans)
    return tuple(Place(index, span) for index, message in enumerate(words) for span in message.spans)


def lifted(words: Words) -> tuple[Place, ...]:
    """Return what is emphasised and not suppressed."""
    return tuple(place for place in places(words) if place.span.strength is None or place.span.strength > 0)


def emphasised(words: Words, marked: Sequence[Place]) -> Words:
    """Return the words with other emphasis."""
    if isinstance(words, EmphasisedText):
        return EmphasisedText(words.text, tuple(place.span for place in marked))
    return tuple(
        replace(message, spans=tuple(place.span for place in marked if place.message == index))
        for index, message in enumerate(words)
    )


def lifting(words: Words, marked: Sequence[Place]) -> Words:
    """Return the words with other emphasis; what is suppressed stays so."""
    lowered = [place for place in places(words) if place not in lifted(words)]
    return emphasised(words, [*lowered, *marked])


def quote(words: Words, marked: Sequence[Place], most: int = 60) -> str:
    """Return emphasised words as people quote them."""
    whole = [words.text] if isinstance(words, EmphasisedText) else [message.text for message in words]
    said = [whole[message][span.start : span.end] for message, span in marked]
    text = " … ".join(" ".join(one.split()) for one in said)
    return repr(text if len(text) <= most else f"{text[: most - 1]}…") if text else "nothing"


def messages(words: Words) -> list[dict[str, Any]]:
    """Return the words as messages with their emphasis; a text is one turn of the user's."""
    if isinstance(words, EmphasisedText):
        return [_message({"role": "user", "content": words.text}, words.spans)]
    return [_message(message.fields, message.spans) for message in words]


def _message(fields: Mapping[str, Any], spans: Sequence[CharSpan]) -> dict[str, Any]:
    marks = [
        {"start": span.start, "end": span.end} | ({} if span.strength is None else {"strength": span.strength})
        for span in spans
    ]
    return dict(fields) | ({"spans": marks} if marks else {})
