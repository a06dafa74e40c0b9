"""Which of two contradicting claims says yes to a question, where the words leave no doubt."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+(?:'\w+)?")
_NOT = re.compile(r"not|no|never|cannot")
_NEGATIVE = re.compile(
    r"not|no|never|cannot|none|neither|nor|nobody|nothing|nowhere|false|untrue|incorrect|unable|unlikely|impossible"
    r"|without|fail|fails|failed|lack|lacks|lacked|few|fewer|little|less|hardly|rarely|zero"
)
_PARTLY = re.compile(r"\bnot (all|every|always|necessarily|entirely)\b|\bnot\b.*\bnecessarily\b")
_GRAMMAR = re.compile(
    r"a|an|the|is|are|was|were|be|been|being|do|does|did|would|could|can|will|should|may|might|must|has|have|had|having"
    r"|it|its|there|that|this|these|those|than|as|true|of|to|in|on|at|for|by|with|from|and|or|any|some|s|his|her|their"
)
_ENDING = re.compile(r"(ing|ed|es|s|e)$")
LEAST_SHARED = 0.6
"""Least share of content words that the claims, and the question and the affirmed claim, must have in common."""


def yes_and_no(question: str, first: str, second: str) -> tuple[str, str] | None:
    """Return what the two claims answer to a yes/no question, ``("Yes", "No")`` or the reverse; None when in doubt.

    There is no doubt when the question is not negated; exactly one claim holds a negative word that is not the
    question's own, and holds one alone; it denies the whole (not *not all*); and the other claim has most content words
    in common, endings aside, with it and with the question.
    """
    asked, one, two = (_words(text) for text in (question, first, second))
    own = _negatives(asked)
    counts = [sum(word in _negatives(claim) - own for word in claim) for claim in (one, two)]
    if any(map(_NOT.fullmatch, asked)) or sorted(counts) != [0, 1] or _PARTLY.search(f"{first}\n{second}".lower()):
        return None
    affirmed, denied = (one, two) if counts[0] == 0 else (two, one)
    if _shared(affirmed, asked) < LEAST_SHARED or _shared(affirmed, denied) < LEAST_SHARED:
        return None
    return ("Yes", "No") if affirmed is one else ("No", "Yes")


def _words(text: str) -> list[str]:
    plain = text.lower().replace("’", "'").replace("can't", "cannot")
    return _WORD.findall(re.sub(r"n't\b", " not", plain))


def _negatives(words: list[str]) -> set[str]:
    return set(filter(_NEGATIVE.fullmatch, words))


def _shared(one: list[str], two: list[str]) -> float:
    first, second = _content(one), _content(two)
    return len(first & second) / max(1, len(first | second))


def _content(words: list[str]) -> set[str]:
    told = (word for word in words if not _GRAMMAR.fullmatch(word) and not _NEGATIVE.fullmatch(word))
    return {_ENDING.sub("", word) if len(word) > 3 else word for word in told}
