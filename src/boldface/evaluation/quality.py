"""Metrics of every written answer, whatever the task: how it reads, its length, how likely the plain model finds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from boldface.metrics.fluency import matched_entropy, ngram_entropy, repeats
from boldface.tasks.example import Answer
from boldface.tasks.task import Metric

MATCHED = "matched_entropy"
"""The one score that is not of an answer alone: it depends on the arms that it is compared with."""

QUALITY = (
    Metric(
        "entropy",
        "Fluency",
        "Weighted entropy of 2-grams and 3-grams (the paper's fluency). It grows with length: short answers score low.",
        unit="bits",
    ),
    Metric(
        MATCHED,
        "Fluency, equal length",
        "The same after every arm's answer to an example is cut to the shortest of them; answers of fewer than three "
        "words are n/a and shorten no other. A paired difference cuts its two arms to each other alone.",
        unit="bits",
    ),
    Metric(
        "repeats",
        "Stuck",
        "Share of answers with one word four times in a row, or the same four words four times.",
        better="lower",
    ),
    Metric("length", "Length", "Words and punctuation marks of the answer.", unit="words", better=None),
    Metric(
        "plain_logprob",
        "Plain likelihood",
        "Mean log-probability per token that the plain model gives the answer after the plain prompt; n/a when empty.",
        unit="nats",
    ),
)


def qualities(answer: Answer, words: Sequence[str]) -> dict[str, float | None]:
    """Return every quality of one answer but the matched one.

    Args:
        answer: A written answer.
        words: Its words, as :func:`boldface.metrics.words.word_tokens` gives them.
    """
    return {
        "entropy": ngram_entropy(words),
        "repeats": float(repeats(words)),
        "length": float(len(words)),
        "plain_logprob": answer.plain_logprob,
    }


def matched(words: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, dict[str, float | None]]:
    """Return the matched entropy of every arm by example.

    Args:
        words: Arm to example to the words of its answer; an example is matched over the arms that answered it.
    """
    scores: dict[str, dict[str, float | None]] = {arm: {} for arm in words}
    for example in dict.fromkeys(example for answers in words.values() for example in answers):
        there = {arm: answers[example] for arm, answers in words.items() if example in answers}
        for arm, score in matched_entropy(there).items():
            scores[arm][example] = score
    return scores


def matched_pair(a: Mapping[str, Sequence[str]], b: Mapping[str, Sequence[str]]) -> list[dict[str, float | None]]:
    """Return the matched entropy of two sides by example: no third one shortens their answers.

    Args:
        a: Example to the words of its answer; only examples that both have are matched.
        b: The same of the other side.
    """
    scores = matched({"a": {id: a[id] for id in a if id in b}, "b": {id: b[id] for id in a if id in b}})
    return [scores["a"], scores["b"]]
