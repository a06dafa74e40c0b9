"""Bias in Bios: the occupation of a person, among all that the data know (PASTA, Zhang et al. 2024, section 4)."""

from __future__ import annotations

import random
from collections.abc import Iterator

from boldface.emphasis.locate import locate
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.metrics.words import sentences
from boldface.tasks.bias_in_bios import BIASBIOS
from boldface.tasks.biographies import WIKIBIOS, Biography, Source, of_split
from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Choose, Example
from boldface.tasks.split import Split
from boldface.tasks.task import Metric, Scores, Task

METRICS = (
    Metric(
        "top1",
        "Acc.",
        "A right occupation has the most probable first token of all occupations in the data (the paper's; those that "
        "share a first token cannot be told apart).",
    ),
    Metric("top3", "Top 3", "A right occupation's first token is among the three most probable ones (the paper's)."),
)


def task(name: str, source: Source) -> Task:
    """Return the task on a data set."""

    def examples(data: Data, split: Split, variant: str) -> Iterator[Example]:
        everyone = source.read(data)
        titles = tuple(sorted({title for bio in everyone for title in bio.occupations}))
        return (_example(name, bio, titles) for bio in of_split(everyone, source, split))

    return Task(
        name,
        f"Occupation ({source.title})",
        "A biography, then “NAME has the occupation of”; the model's next token chooses among all occupations in the "
        "data. What the first sentence says of the person is emphasised; the rival is another sentence, where there is "
        f"one. {source.says}",
        METRICS,
        examples,
        score,
    )


def score(example: Example, answer: Answer) -> Scores:
    """Score a choice: equal first tokens have equal probabilities and count as one."""
    assert isinstance(example.question, Choose)
    chances = dict(zip(example.question.candidates, answer.logprobs, strict=True))
    best = max(chances[title] for title in example.info["occupations"])
    ahead = len({chance for chance in chances.values() if chance > best})
    return {"top1": float(ahead < 1), "top3": float(ahead < 3)}


def _example(name: str, bio: Biography, titles: tuple[str, ...]) -> Example:
    start = f"{bio.context.rstrip('. ')}.\n\n"
    text = f"{start}{bio.entity} has the occupation of"
    return Example(
        bio.key,
        bio.id,
        EmphasisedText(text, locate(text, bio.attribute)),
        Choose(titles),
        other=_another_sentence(text, bio, random.Random(f"{name}:{bio.key}")),
        answer_start=len(start),
        target=f" {bio.occupations[0]}",
        info={"occupations": list(bio.occupations)},
    )


def _another_sentence(text: str, bio: Biography, dice: random.Random) -> tuple[CharSpan, ...]:
    others = [sentence for part in sentences(bio.rest) if (sentence := part.rstrip(". "))]
    return locate(text, dice.choice(others), "last") if others else ()


TASKS = (task("wikibios", WIKIBIOS), task("biasbios", BIASBIOS))
