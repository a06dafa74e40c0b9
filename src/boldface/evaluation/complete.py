"""When is an answer complete? Judged on its text, so that a batch can stop there and a record can be cut there."""

from __future__ import annotations

import json
import re

from boldface.tasks.example import Generate

_SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s)")


def complete_at(text: str, question: Generate) -> int | None:
    """Return how many characters of ``text`` are the complete answer, or None while it is not complete."""
    match question.until:
        case "json":
            return _json_end(text)
        case "line":
            words = len(text) - len(text.lstrip())
            end = text.find("\n", words)
            return end if end > words else None
        case "sentences":
            ends = [match.end() for match in _SENTENCE_END.finditer(text)]
            return ends[question.sentences - 1] if len(ends) >= question.sentences else None
        case "end":
            return None


def _json_end(text: str) -> int | None:
    """Return where the first object ends that is JSON and holds something; echoes of an example are passed over."""
    end: int | None = 0
    while (start := text.find("{", end)) >= 0 and (end := _object_end(text, start)) is not None:
        try:
            if json.loads(text[start:end]):
                return end
        except ValueError:
            pass
    return None


def _object_end(text: str, start: int) -> int | None:
    """Return where the ``{`` at ``start`` is closed; braces inside double-quoted strings do not count."""
    depth, quoted, escaped = 0, False, False
    for place in range(start, len(text)):
        char = text[place]
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return place + 1
    return None
