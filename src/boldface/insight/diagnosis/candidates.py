"""Candidates: other words of a prompt that may be the ones to emphasise, the nearest to those that are first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from boldface.emphasis.span import CharSpan
from boldface.insight.diagnosis.words import Place, Words, lifted, texts
from boldface.metrics.words import sentences

FURTHER = 16
"""Most candidates of one wave beyond the neighbourhood."""
RUN = 3
"""Most sentences that are emphasised together where single ones do not do."""
_LINE = re.compile(r"\S(?:.*\S)?")
_WORD = re.compile(r"\S+")

Marked = tuple[Place, ...]
Piece = tuple[int, int, int]
"""Message, first character, one past the last."""


def waves(words: Words) -> Iterator[list[Marked]]:
    """Yield candidates in three waves; what was in an earlier wave, or is emphasised as it stands, is left out.

    First the neighbourhood: what is emphasised widened to whole words, sentences and lines, and the sentences and lines
    beside it. Then every line and sentence, then runs of sentences, both the nearest first and no more than FURTHER.
    A prompt without emphasis has no neighbourhood: a wave may be empty.
    """
    given = lifted(words)
    lines, parts = _lines(words), _sentences(words)
    known = {_plain(given)}
    for wave, most in (
        (list(_near(words, given, lines, parts)), None),
        (_by_distance([(piece,) for piece in (*lines, *parts)], given), FURTHER),
        (_by_distance([(run,) for run in _runs(parts)], given), FURTHER),
    ):
        fresh = [marked for marked in dict.fromkeys(map(_sorted, wave)) if marked not in known][:most]
        known |= set(fresh)
        yield [tuple(Place(message, CharSpan(start, end)) for message, start, end in marked) for marked in fresh]


def touch(one: Marked, other: Marked) -> bool:
    """Tell whether two candidates share a character."""
    return any(a == b and x.start < y.end and y.start < x.end for a, x in one for b, y in other)


def cuts_words(words: Words) -> list[str]:
    """Return the words that the emphasis cuts in two."""
    found, whole = [], texts(words)
    for message, span in lifted(words):
        for word in _WORD.finditer(whole[message]):
            inside = any(word.start() < edge < word.end() for edge in (span.start, span.end))
            letters = [whole[message][edge - 1 : edge + 1] for edge in (span.start, span.end)]
            if inside and any(len(pair) == 2 and pair.isalnum() for pair in letters):
                found.append(word[0])
    return list(dict.fromkeys(found))


def _near(words: Words, given: Marked, lines: list[Piece], parts: list[Piece]) -> Iterator[tuple[Piece, ...]]:
    if not given:
        return
    yield tuple(_whole_words(texts(words)[message], message, span) for message, span in given)
    for pieces in (parts, lines):
        touched = _touched(pieces, given)
        yield tuple(_joined(pieces, touched))
        for beside in (min(touched, default=0) - 1, max(touched, default=-1) + 1):
            if 0 <= beside < len(pieces):
                yield (pieces[beside],)
                yield tuple(_joined(pieces, sorted({*touched, beside})))


def _whole_words(text: str, message: int, span: CharSpan) -> Piece:
    hit = [word for word in _WORD.finditer(text) if word.start() < span.end and span.start < word.end()]
    return (message, hit[0].start(), hit[-1].end()) if hit else (message, span.start, span.end)


def _touched(pieces: Sequence[Piece], given: Marked) -> list[int]:
    return [
        place
        for place, (message, start, end) in enumerate(pieces)
        if any(message == index and start < span.end and span.start < end for index, span in given)
    ]


def _joined(pieces: Sequence[Piece], places: Sequence[int]) -> Iterator[Piece]:
    """Join neighbours of one message."""
    numbered = [(place - rank, pieces[place]) for rank, place in enumerate(places)]
    for _, run in groupby(numbered, key=lambda each: (each[0], each[1][0])):
        joined = [piece for _, piece in run]
        yield joined[0][0], joined[0][1], joined[-1][2]


def _lines(words: Words) -> list[Piece]:
    return [(index, *line.span()) for index, text in enumerate(texts(words)) for line in _LINE.finditer(text)]


def _sentences(words: Words) -> list[Piece]:
    found = []
    for index, text in enumerate(texts(words)):
        for line in _LINE.finditer(text):
            place = line.start()
            for sentence in sentences(line[0]):
                start = text.index(sentence, place)
                place = start + len(sentence)
                found.append((index, start, place))
    return found


def _runs(parts: list[Piece]) -> list[Piece]:
    return [
        (parts[first][0], parts[first][1], parts[first + count - 1][2])
        for count in range(2, RUN + 1)
        for first in range(len(parts) - count + 1)
        if all(one[0] == other[0] for one, other in pairwise(parts[first : first + count]))
    ]


def _by_distance(pieces: list[tuple[Piece, ...]], given: Marked) -> list[tuple[Piece, ...]]:
    def distance(marked: tuple[Piece, ...]) -> tuple[int, int]:
        (message, start, end), *_ = marked
        gaps = [(abs(message - index), max(0, span.start - end, start - span.end)) for index, span in given]
        return min(gaps, default=(0, 0))

    return sorted(pieces, key=distance)


def _plain(marked: Marked) -> tuple[Piece, ...]:
    return _sorted(tuple((message, span.start, span.end) for message, span in marked))


def _sorted(marked: tuple[Piece, ...]) -> tuple[Piece, ...]:
    return tuple(sorted(marked))
