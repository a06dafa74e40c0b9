"""Which instruction wins: two that exclude each other stand in one prompt, and either is emphasised in turn.

A profile that merely learned a format, or a model that always obeys the last word, cannot win: only one that reads the
emphasis obeys both times. Ours; built on Wikipedia biographies.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Literal, get_args

from boldface.emphasis.span import EmphasisedText
from boldface.metrics.formats import FORMATS, first_block
from boldface.tasks.biographies import WIKIBIOS, Biography, biographies
from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Example, Generate
from boldface.tasks.page import Page
from boldface.tasks.split import Split
from boldface.tasks.task import Metric, Scores, Task

Variant = Literal["original", "shortened", "rephrased"]

MOST_WORDS = 60
WORDINGS: dict[str, dict[Variant, str]] = {
    "json": {
        "original": "Answer as JSON with keys name and occupation.",
        "shortened": "Name and occupation as JSON.",
        "rephrased": "Put the name and the occupation into a JSON object.",
    },
    "bullets": {
        "original": "Answer as a bullet list with name and occupation.",
        "shortened": "Name and occupation as bullets.",
        "rephrased": "Give the name and the occupation as separate bullet points.",
    },
    "numbered": {
        "original": "Answer as a numbered list with name and occupation.",
        "shortened": "Name and occupation, numbered.",
        "rephrased": "Give the name as point 1 and the occupation as point 2.",
    },
    "xml": {
        "original": "Answer as XML with tags name and occupation.",
        "shortened": "Name and occupation as XML.",
        "rephrased": "Write the name and the occupation between XML tags.",
    },
    "words": {
        "original": "Answer with the occupation alone, in at most three words.",
        "shortened": "Occupation in at most three words.",
        "rephrased": "State the occupation and nothing else, without writing more than three words.",
    },
    "capitals": {
        "original": "Answer with one sentence in CAPITAL LETTERS ONLY.",
        "shortened": "Name and occupation in one sentence, all capitals.",
        "rephrased": "Tell the occupation in a full sentence that has no lower-case letters.",
    },
}
PAIRS = tuple(combinations(sorted(WORDINGS), 2))

_WRITTEN: dict[str, Callable[[str, str], str]] = {
    "json": lambda name, job: json.dumps({"name": name, "occupation": job}, ensure_ascii=False),
    "bullets": lambda name, job: f"- Name: {name}\n- Occupation: {job}",
    "numbered": lambda name, job: f"1. Name: {name}\n2. Occupation: {job}",
    "xml": lambda name, job: f"<name>{name}</name>\n<occupation>{job}</occupation>",
    "words": lambda name, job: job,
    "capitals": lambda name, job: f"{name} IS A{'N' * (job[0].lower() in 'aeiou')} {job}.".upper(),
}


def examples(data: Data, split: Split, variant: str) -> Iterator[Example]:
    """Yield two examples a biography of at most 60 words: the same pair in the same order, either one emphasised."""
    wording = next(known for known in get_args(Variant) if known == variant)
    for bio in biographies(WIKIBIOS, data, split):
        if len(bio.context.split()) <= MOST_WORDS:
            yield from examples_of(bio, wording)


def examples_of(bio: Biography, variant: Variant) -> Iterator[Example]:
    """Yield the examples of a biography; pair and order depend on its id alone."""
    dice = random.Random(f"which-wins:{bio.key}")
    pair = dice.choice(PAIRS)
    pair = pair if dice.random() < 0.5 else pair[::-1]
    page = Page()
    page.write(f"{bio.context}\n")
    first = page.write(WORDINGS[pair[0]][variant])
    page.write(" ")
    second = page.write(WORDINGS[pair[1]][variant])
    page.write("\n")
    for wanted, asked, rival, other in ((pair[0], first, pair[1], second), (pair[1], second, pair[0], first)):
        yield Example(
            id=f"{bio.key}-{wanted}",
            group=bio.key,
            prompt=EmphasisedText(page.text, (asked,)),
            question=Generate(48),
            other=(other,),
            target=_WRITTEN[wanted](bio.entity, bio.occupations[0]),
            rival=_WRITTEN[rival](bio.entity, bio.occupations[0]),
            info={"wanted": wanted, "rival": rival, "order": list(pair), "occupations": list(bio.occupations)},
        )


def score(example: Example, answer: Answer) -> Scores:
    """Score the answer's first block; the strict score its whole text."""
    block, info = first_block(answer.text), example.info
    wanted, rival = FORMATS[info["wanted"]], FORMATS[info["rival"]]
    obeys = wanted(block)
    named = any(re.search(rf"\b{re.escape(job)}\b", block, re.IGNORECASE) for job in info["occupations"])
    return {
        "both": float(obeys),
        "obeys": float(obeys),
        "rival": float(rival(block)),
        "neither": float(not obeys and not rival(block)),
        "right": float(obeys and named),
        "strict": float(wanted(answer.text.strip())),
    }


TASK = Task(
    name="which-wins",
    title="Which instruction wins",
    says="A biography and two instructions that exclude each other (JSON, bullets, numbered list, XML, at most three "
    "words, a sentence in capitals: 15 pairs), in random order; either is emphasised, and only the emphasised "
    "one counts. Ours. The profiles we ship were learned on other biographies, with the original wordings of JSON and "
    "bullets and with none of the shortened and rephrased ones; numbered lists and XML they never saw.",
    metrics=(
        Metric("both", "Both times", "The emphasised one is obeyed, whichever of the two it is; ours.", within="all"),
        Metric("obeys", "Obeys", "The first block of the answer has the emphasised format; ours."),
        Metric("rival", "Rival", "It has the other format instead.", better="lower"),
        Metric("neither", "Neither", "It has neither format.", better="lower"),
        Metric("right", "Right", "It has the emphasised format and names an occupation of the biography."),
        Metric("strict", "Strict", "The whole output, nothing after it, has the emphasised format."),
    ),
    examples=examples,
    score=score,
    variants=get_args(Variant),
)
TASKS = (TASK,)
