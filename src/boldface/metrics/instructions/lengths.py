"""Instructions about how many words, sentences and paragraphs an answer has."""

from __future__ import annotations

import re

from boldface.metrics.instructions.relation import holds
from boldface.metrics.instructions.sentences import count_sentences

_MARKS = re.compile(r"""[.,?!'"]""")


def number_words(answer: str, *, num_words: int, relation: str) -> bool:
    r"""The answer has that many words; a word is a run of ``\w``, so ``don't`` is two."""
    return holds(len(re.findall(r"\w+", answer)), relation, num_words)


def number_sentences(answer: str, *, num_sentences: int, relation: str) -> bool:
    """The answer has that many sentences, as Punkt cuts them; see :func:`count_sentences`.

    Raises:
        MissingError: nltk is not installed.
    """
    return holds(count_sentences(answer), relation, num_sentences)


def number_paragraphs(answer: str, *, num_paragraphs: int) -> bool:
    """Exactly that many paragraphs stand between dividers ``***``; an empty one is allowed at either end only."""
    first, *rest = re.split(r"\s?\*\*\*\s?", answer)
    if not rest:
        return num_paragraphs == int(bool(first.strip()))
    *middle, last = rest
    if not all(paragraph.strip() for paragraph in middle):
        return False
    return num_paragraphs == len(middle) + bool(first.strip()) + bool(last.strip())


def nth_paragraph_first_word(answer: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    r"""Exactly that many paragraphs stand between ``\n\n``, and the nth begins with the word, in any case.

    Empty paragraphs do not count, but they do when the nth is looked up, as in the published code.
    """
    paragraphs = re.split(r"\n\n", answer)
    count = sum(bool(paragraph.strip()) for paragraph in paragraphs)
    if count != num_paragraphs or nth_paragraph > count:
        return False
    words = paragraphs[nth_paragraph - 1].split()
    if not words:
        return False
    return _MARKS.split(words[0].lstrip("'").lstrip('"'))[0].lower() == first_word.lower()
