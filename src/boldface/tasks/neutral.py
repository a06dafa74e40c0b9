"""Emphasis that should not matter: a biography goes on after some words of it were emphasised for no reason."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.tasks.biographies import WIKIBIOS, Biography, biographies
from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Continue, Example
from boldface.tasks.split import Split
from boldface.tasks.task import Metric, Scores, Task

_MOST_WORDS = 4
_FEWEST_LEFT = 8
"""Words that must be left to read."""


def examples(data: Data, split: Split, variant: str) -> Iterator[Example]:
    """Yield the biographies that go on after their first sentence."""
    return (
        _example(bio)
        for bio in biographies(WIKIBIOS, data, split)
        if bio.rest.startswith(" ") and len(bio.rest.split()) >= _FEWEST_LEFT
    )


def score(example: Example, answer: Answer) -> Scores:
    """Score how far the emphasis moved the model."""
    return {"divergence": answer.divergence}


def _example(bio: Biography) -> Example:
    text = bio.context[: -len(bio.rest)]
    dice = random.Random(f"neutral:{bio.key}")
    words = [match.span() for match in re.finditer(r"\S+", text)]
    count = dice.randint(1, min(_MOST_WORDS, len(words) // 2))
    places = range(len(words) - count + 1)
    asked = dice.choice(places)
    free = [place for place in places if abs(place - asked) >= count]
    other = (_span(words, dice.choice(free), count),) if free else ()
    return Example(
        bio.key,
        bio.id,
        EmphasisedText(text, (_span(words, asked, count),)),
        Continue(bio.rest),
        other=other,
        target=bio.rest,
    )


def _span(words: list[tuple[int, int]], place: int, count: int) -> CharSpan:
    return CharSpan(words[place][0], words[place + count - 1][1])


_NEUTRAL = Task(
    "neutral",
    "Neutral emphasis",
    "The first sentence of a biography with one to four of its words emphasised at random; the model reads the rest. "
    "Nothing was asked, so nothing should change. The rival is as many other words. Biographies of wikibios. Ours.",
    (
        Metric(
            "divergence",
            "KL",
            "How far the steered model is from the plain one while it reads: KL(plain ‖ steered) a token. Ours.",
            unit="nats",
            better="lower",
        ),
    ),
    examples,
    score,
)
TASKS = (_NEUTRAL,)
