"""How an answer reads, from its words alone: n-gram entropy, the same at equal length, and degenerate repetition."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

FEWEST_WORDS = 3
"""With fewer there is no 3-gram, and the entropy is 0 whatever the words are."""

REPEATED = 4
"""A word so often in a row, or so many words so often anywhere, is degenerate repetition."""


def ngram_entropy(words: Sequence[str]) -> float:
    """Return the weighted n-gram entropy in bits: the mean of ⅔ of the 2-grams' and 4/3 of the 3-grams'.

    As PASTA measures fluency (Zhang et al. 2024, appendix; after ROME, Meng et al. 2022). It grows with the length (k
    different n-grams have at most log₂ k bits) and is 0 without n-grams: compare it at equal length only.
    """
    return (2 / 3 * _entropy(_ngrams(words, 2)) + 4 / 3 * _entropy(_ngrams(words, 3))) / 2


def matched_entropy(words_by_arm: Mapping[str, Sequence[str]]) -> dict[str, float | None]:
    """Return the entropy of each arm's answer to one example, all cut to the length of the shortest.

    Answers of fewer than three words have none (None), and do not shorten the others.
    """
    lengths = [len(words) for words in words_by_arm.values() if len(words) >= FEWEST_WORDS]
    shortest = min(lengths, default=0)
    return {
        arm: ngram_entropy(words[:shortest]) if len(words) >= FEWEST_WORDS else None
        for arm, words in words_by_arm.items()
    }


def repeats(words: Sequence[str]) -> bool:
    """Return whether an answer is stuck: a word four times in a row or the same four words four times, case ignored."""
    lowered = [word.lower() for word in words]
    in_a_row = max((sum(1 for _ in run) for _, run in groupby(lowered)), default=0)
    return in_a_row >= REPEATED or max(Counter(_ngrams(lowered, REPEATED)).values(), default=0) >= REPEATED


def _ngrams(words: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    return zip(*(words[start:] for start in range(n)), strict=False)


def _entropy(items: Iterator[tuple[str, ...]]) -> float:
    counts = sorted(Counter(items).values())
    total = sum(counts)
    return -math.fsum(count / total * math.log2(count / total) for count in counts) + 0.0
