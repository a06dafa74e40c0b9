"""Which of six output formats a text has. They exclude each other: no text has two of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

_BLOCK_END = re.compile(r"\n\s*\n|\n###")
_FENCE = re.compile(r"```\w*\n(.*?)\n?(```|$)", re.DOTALL)
_BULLET = re.compile(r"[-*•]\s+\S")
_NUMBER = re.compile(r"\d+[.)]\s+\S")
_XML = re.compile(r"<(\w+)>.*</\w+>", re.DOTALL)


def first_block(text: str) -> str:
    """Return what stands before the first blank line (or ``###``), without a code fence around it.

    A base model writes on after its answer; a chat model puts code into a fence. Neither says which format it chose.
    """
    block = _BLOCK_END.split(text.strip())[0].strip()
    fenced = _FENCE.fullmatch(block)
    return fenced[1].strip() if fenced else block


def is_json(text: str) -> bool:
    """One JSON object and nothing else."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def is_bullets(text: str) -> bool:
    """Every line begins with ``-``, ``*`` or ``•`` and a space."""
    return _every_line(_BULLET, text)


def is_numbered(text: str) -> bool:
    """Every line begins with a number and ``.`` or ``)``."""
    return _every_line(_NUMBER, text)


def is_xml(text: str) -> bool:
    """Begins with an opening tag and ends with a closing one."""
    return _XML.fullmatch(text) is not None


def is_words(text: str) -> bool:
    """One line of at most three words that begins with a letter."""
    return text[:1].isalpha() and len(text.split()) <= 3 and "\n" not in text


def is_capitals(text: str) -> bool:
    """At least four words that begin with a letter, none of their letters in lower case."""
    return text[:1].isalpha() and len(text.split()) >= 4 and not any(letter.islower() for letter in text)


FORMATS: dict[str, Callable[[str], bool]] = {
    "json": is_json,
    "bullets": is_bullets,
    "numbered": is_numbered,
    "xml": is_xml,
    "words": is_words,
    "capitals": is_capitals,
}


def _every_line(begins: re.Pattern[str], text: str) -> bool:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return bool(lines) and all(begins.match(line) for line in lines)
