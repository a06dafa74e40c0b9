"""Instructions about single words and letters."""

from __future__ import annotations

import re
from collections.abc import Sequence

from boldface.metrics.instructions.relation import holds


def existence(answer: str, *, keywords: Sequence[str]) -> bool:
    """Every keyword occurs, in any case, also inside a longer word (``mom`` in ``moment``)."""
    return all(_occurrences(word, answer) for word in keywords)


def frequency(answer: str, *, keyword: str, frequency: int, relation: str) -> bool:
    """The keyword occurs that often, in any case, also inside longer words."""
    return holds(_occurrences(keyword.strip(), answer), relation, frequency)


def forbidden_words(answer: str, *, forbidden_words: Sequence[str]) -> bool:
    """None of the words occurs as a whole word, in any case."""
    return not any(re.search(rf"\b{re.escape(word)}\b", answer, re.IGNORECASE) for word in forbidden_words)


def letter_frequency(answer: str, *, letter: str, let_frequency: int, let_relation: str) -> bool:
    """The letter or mark occurs that often, in any case."""
    return holds(answer.lower().count(letter.lower()), let_relation, let_frequency)


def _occurrences(word: str, answer: str) -> int:
    # The published code reads keywords as regular expressions. Of those in the data none holds a special character.
    return len(re.findall(re.escape(word), answer, re.IGNORECASE))
