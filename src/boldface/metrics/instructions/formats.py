"""Instructions about marks and parts that an answer must show."""

from __future__ import annotations

import json
import re

_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_POSTSCRIPTS = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}


def number_placeholders(answer: str, *, num_placeholders: int) -> bool:
    """At least that many pairs of square brackets stand in a line each."""
    return len(re.findall(r"\[.*?\]", answer)) >= num_placeholders


def postscript(answer: str, *, postscript_marker: str) -> bool:
    """The marker occurs, in any case, with or without spaces in it; wherever it stands, as in the published code."""
    marker = postscript_marker.strip()
    return re.search(_POSTSCRIPTS.get(marker, re.escape(marker.lower())), answer.lower()) is not None


def number_bullet_lists(answer: str, *, num_bullets: int) -> bool:
    """Exactly that many lines begin with ``*`` (but not ``**``) or ``-``."""
    stars = re.findall(r"^\s*\*[^\*].*$", answer, re.MULTILINE)
    dashes = re.findall(r"^\s*-.*$", answer, re.MULTILINE)
    return len(stars) + len(dashes) == num_bullets


def constrained_response(answer: str) -> bool:
    """One of the three sentences (``My answer is yes.`` …) occurs, whatever stands around it."""
    return any(option in answer for option in _ANSWERS)


def number_highlighted_sections(answer: str, *, num_highlights: int) -> bool:
    """At least that many parts stand between ``*`` or ``**``, none over a line's end, none empty."""
    single = re.findall(r"\*[^\n\*]*\*", answer)
    double = re.findall(r"\*\*[^\n\*]*\*\*", answer)
    return sum(bool(part.strip("*").strip()) for part in [*single, *double]) >= num_highlights


def multiple_sections(answer: str, *, section_spliter: str, num_sections: int) -> bool:
    """At least that many sections begin with the word and a number."""
    return len(re.findall(rf"{re.escape(section_spliter.strip())}\s?\d+", answer)) >= num_sections


def json_format(answer: str) -> bool:
    """The whole answer is JSON of any kind, with or without a Markdown fence around it."""
    text = answer.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(answer: str) -> bool:
    """A title that is not empty stands between ``<<`` and ``>>`` in one line."""
    return any(found.lstrip("<").rstrip(">").strip() for found in re.findall(r"<<[^\n]+>>", answer))
