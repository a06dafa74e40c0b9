"""JSON formatting: the occupation of a biography, asked for as JSON (PASTA, Zhang et al. 2024, section 4)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from boldface.emphasis.locate import locate
from boldface.emphasis.span import EmphasisedText
from boldface.metrics.json_answers import has_keys, holds_object, names_title, only_object, states
from boldface.tasks.bias_in_bios import BIASBIOS
from boldface.tasks.biographies import WIKIBIOS, Biography, Source, biographies
from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Example, Generate
from boldface.tasks.split import Split
from boldface.tasks.task import Metric, Scores, Task

# To the letter those of github.com/QingruZhang/PASTA, evaluation/evaluator.py (MIT), backslashes included.
INSTRUCTIONS = {
    "original": "Answer the occupation of {} and generate the answer as json format. "
    "Here is an example: \\{{'name': , 'occupation': ,\\}}. Now generate the answer:",
    "shortened": "Generate the occupation of {} as json format:",
    "rephrased": "Answer the occupation of {} and generate the answer as json format:",
    "leading": "Answer the occupation of {} and generate the answer as json format. "
    'Here is an example: \\{{"name": , "occupation": ,\\}}.',
}
_KEYS = {"original": ("name", "occupation"), "leading": ("name", "occupation")}
"""Keys that the wording asks for."""

METRICS = (
    Metric(
        "format",
        "F. Acc.",
        "Some part of the answer from a brace to a brace parses as JSON, be it {} (the paper's format accuracy).",
        within="any",
    ),
    Metric(
        "prediction",
        "P. Acc.",
        "Such a part has a value that contains a right occupation (the paper's prediction accuracy).",
        within="any",
    ),
    Metric(
        "strict",
        "Strict",
        "The answer is one JSON object with exactly the asked keys (any, where the wording asks for none) and nothing "
        "before it, no code fence either. Nothing after it is asked of the model, so nothing after it is judged. Ours.",
    ),
    Metric("strict_right", "Strict, right", "Strict, and the right occupation, and the name where it is asked. Ours."),
)


def task(name: str, source: Source) -> Task:
    """Return the task on a data set."""

    def examples(data: Data, split: Split, variant: str) -> Iterator[Example]:
        return (_example(bio, variant) for bio in biographies(source, data, split))

    return Task(
        name,
        f"JSON formatting ({source.title})",
        "A biography, then the request to give the person's occupation as JSON. The request is emphasised; the rival "
        f"is the biography's first sentence. Wordings are the paper's templates 0, 1, 2 and 5. An answer ends where "
        "its first object that holds anything is closed, else after 128 tokens; the paper always reads the 128. "
        f"{source.says}",
        METRICS,
        examples,
        score,
        tuple(INSTRUCTIONS),
        strict="strict_right",
    )


def score(example: Example, answer: Answer) -> Scores:
    """Score an answer by the published and by the strict definitions."""
    info = example.info
    found = only_object(answer.text)
    strict = found is not None and has_keys(found, info["keys"])
    right = strict and found is not None and _right(found, info["keys"], info["occupations"], info["entity"])
    return {
        "format": float(holds_object(answer.text)),
        "prediction": float(names_title(answer.text, info["occupations"])),
        "strict": float(strict),
        "strict_right": float(right),
    }


def _right(found: dict[str, object], keys: list[str], occupations: list[str], entity: str) -> bool:
    if not keys:
        return any(states(value, title) for value in found.values() for title in occupations)
    return states(found["name"], entity) and any(states(found["occupation"], title) for title in occupations)


def _example(bio: Biography, variant: str) -> Example:
    instruction = INSTRUCTIONS[variant].format(bio.entity)
    target = json.dumps({"name": bio.entity, "occupation": bio.occupations[0]}, ensure_ascii=False)
    leading = variant == "leading"
    if leading:
        text, target = f"{instruction}\n{bio.context}\nNow generate the answer:", f" {target}"
    else:
        text = f"{bio.context}\n{instruction}\n"
    info = {"entity": bio.entity, "occupations": list(bio.occupations), "keys": list(_KEYS.get(variant, ()))}
    return Example(
        bio.key,
        bio.id,
        EmphasisedText(text, locate(text, instruction, "first" if leading else "last")),
        Generate(128, until="json"),
        other=locate(text, bio.first_sentence),
        target=target,
        info=info,
    )


TASKS = (task("json", WIKIBIOS), task("biasbios-json", BIASBIOS))
