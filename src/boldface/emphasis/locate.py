"""Spans by substring: find the words a person names, or say clearly why they are not there."""

from __future__ import annotations

import re
from typing import Literal

from boldface.emphasis.span import CharSpan
from boldface.errors import SpanError

Occurrence = Literal["first", "last", "all"] | int


def locate(
    text: str, substring: str, occurrence: Occurrence = "first", strength: float | None = None
) -> tuple[CharSpan, ...]:
    """Return the spans of ``substring`` in ``text``; one span unless ``occurrence`` is "all".

    Args:
        text: Text without markup.
        substring: What to find, to the letter.
        occurrence: "first", "last", "all", or an index that counts from 0, and from the end when negative.
            Occurrences are counted from the left and never overlap.
        strength: Nats, or None for the default.

    Raises:
        SpanError: When the substring is no text, empty or absent, or has no such occurrence.
    """
    if not isinstance(substring, str):
        raise SpanError(f"A substring is text, not {substring!r}.", "Name the words as the text has them.")
    if not substring:
        raise SpanError("The substring to emphasise is empty.", "Name at least one character of the text.")
    if isinstance(occurrence, bool) or (occurrence not in ("first", "last", "all") and not isinstance(occurrence, int)):
        raise SpanError(f"There is no occurrence {occurrence!r}.", "Use first, last, all or a whole number from 0.")
    starts = [match.start() for match in re.finditer(re.escape(substring), text)]
    if not starts:
        raise SpanError(f"{_quote(substring)} does not occur in the text.", _nearest(text, substring))
    spans = tuple(CharSpan(start, start + len(substring), strength) for start in starts)
    if occurrence == "all":
        return spans
    index = {"first": 0, "last": -1}.get(occurrence, 0) if isinstance(occurrence, str) else occurrence
    if not -len(spans) <= index < len(spans):
        times = "once" if len(spans) == 1 else f"{len(spans)} times"
        raise SpanError(
            f"{_quote(substring)} occurs {times}, so there is no occurrence {index}.",
            f"Occurrences count from 0: use 0 to {len(spans) - 1}, or -{len(spans)} to -1 from the end.",
        )
    return (spans[index],)


def _nearest(text: str, substring: str) -> str:
    """Return a hint at text that differs only in case or whitespace, if there is any."""
    words = substring.split()
    match = re.search(r"\s+".join(map(re.escape, words)), text, re.IGNORECASE) if words else None
    if match is None:
        return "Copy the words exactly as the text has them."
    near = f"{_quote(match[0])} at [{match.start()}, {match.end()})"
    return f"The text has {near}: case and whitespace must be the same."


def _quote(words: str) -> str:
    return repr(words if len(words) <= 60 else f"{words[:57]}...")
