"""A text in paragraphs and sentences: the pieces that a detector may propose."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from boldface.errors import MissingError

EXTRA = "Run: pip install 'boldface[detect]'"
"""What to do when a library of detection is missing."""

_LINE = re.compile(r"[^\n]+")
_CLOSED = re.compile(r"[.!?…:;,][\"'”’)\]]*$")
_HEADING_WORDS = 12


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a text: characters ``[start, end)``, and the index of the paragraph that it stands in."""

    start: int
    end: int
    paragraph: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line of a text, with the heading before it where it has one: characters ``[start, end)``."""

    start: int
    end: int


Piece = Sentence | Paragraph


def cut(text: str, language: str = "en") -> tuple[tuple[Sentence, ...], tuple[Paragraph, ...]]:
    """Return the sentences of a text, without the space around them, and its paragraphs.

    A line is a paragraph, and sentences end with their line. A short line that closes with no mark is a heading: it
    belongs to the paragraph below it, and is a sentence like others.

    Args:
        text: The text.
        language: Its language, for the sentence splitter.

    Raises:
        MissingError: The sentence splitter is not installed.
    """
    split = _splitter(language)
    paragraphs: list[Paragraph] = []
    sentences: list[Sentence] = []
    below_heading = False
    for line in _LINE.finditer(text):
        if not line[0].strip():
            continue
        if below_heading:
            paragraphs[-1] = Paragraph(paragraphs[-1].start, line.end())
        else:
            paragraphs.append(Paragraph(line.start(), line.end()))
        sentences += [
            Sentence(line.start() + start, line.start() + end, len(paragraphs) - 1) for start, end in split(line[0])
        ]
        below_heading = _is_heading(line[0])
    return tuple(sentences), tuple(paragraphs)


def _is_heading(line: str) -> bool:
    words = line.strip()
    return not _CLOSED.search(words) and len(words.split()) <= _HEADING_WORDS


@cache
def _splitter(language: str) -> Callable[[str], Iterator[tuple[int, int]]]:
    try:
        library: Any = import_module("sentencex")
    except ModuleNotFoundError:
        raise MissingError("Sentences are found with sentencex, which is missing.", EXTRA) from None

    def split(line: str) -> Iterator[tuple[int, int]]:
        place = 0
        for sentence in library.segment(language, line):
            if words := sentence.strip():
                start = line.index(words, place)
                place = start + len(words)
                yield start, place

    return split
