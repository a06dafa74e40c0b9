"""How near a short answer comes to the right ones: SQuAD's exact match and F1, and two kinds of containment."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Collection, Sequence

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def first_line(text: str) -> str:
    """Return the first line that holds text: a short answer ends there, whatever a base model goes on to write."""
    return text.strip().split("\n")[0].strip()


def normalised(text: str) -> str:
    """Return text in lower case without ASCII punctuation, articles and needless spaces (Rajpurkar et al. 2016)."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact(answer: str, golds: Sequence[str]) -> float:
    """Return 1 when the answer is one of the right ones, both normalised (SQuAD's exact match)."""
    return float(normalised(answer) in map(normalised, golds))


def f1(answer: str, golds: Sequence[str], closed: Collection[str] = ()) -> float:
    """Return the best F1 over the right answers, by normalised words with their counts (SQuAD's).

    Args:
        answer: What was answered.
        golds: The right answers.
        closed: Answers that are right or wrong as a whole: where either side is one of them, only equality counts
            (HotpotQA: yes, no, noanswer).
    """
    return max(_f1(normalised(answer), normalised(gold), closed) for gold in golds)


def best_subspan(answer: str, golds: Sequence[str]) -> float:
    """Return 1 when a right answer's letters occur in the answer, both normalised (Liu et al. 2023)."""
    said = normalised(answer)
    return float(any(normalised(gold) in said for gold in golds))


def contains(answer: str, golds: Sequence[str]) -> float:
    """Return 1 when a right answer occurs in the answer as whole words, both normalised: *no* is not in *nobody*."""
    said = f" {normalised(answer)} "
    return float(any(f" {gold} " in said for gold in map(normalised, golds) if gold))


def _f1(answer: str, gold: str, closed: Collection[str]) -> float:
    if answer != gold and (answer in closed or gold in closed):
        return 0.0
    said, wanted = answer.split(), gold.split()
    if not said or not wanted:
        return float(said == wanted)
    shared = (Counter(said) & Counter(wanted)).total()
    return 2 * shared / (len(said) + len(wanted))
