"""Lost in the middle, keys and values (Liu et al. 2023): one pair of a long JSON object is asked for and emphasised.

Prompt and metric are those of the authors' code (nelson-liu/lost-in-the-middle).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from boldface.emphasis.span import EmphasisedText
from boldface.metrics.answers import first_line
from boldface.tasks.data import Data, read_rows, shuffled
from boldface.tasks.example import Answer, Example, Generate
from boldface.tasks.fields import with_fields
from boldface.tasks.page import Page
from boldface.tasks.split import Split, split_of
from boldface.tasks.task import Metric, Scores, Task

_NAME = "key-value"
_HEAD = "Extract the value corresponding to the specified key in the JSON object below.\n\nJSON data:\n{"
_KEYS = {"original": 75, "10 keys": 10, "25 keys": 25}


def examples(data: Data, split: Split, variant: str) -> Iterator[Example]:
    """Yield one example a row."""
    path = data.find(
        ("kv_retrieval_data/kv-retrieval-75_keys.jsonl.gz", "lost_in_the_middle/kv-retrieval-75_keys.jsonl.gz"),
        what="Lost in the Middle's key-value data",
        published="https://github.com/nelson-liu/lost-in-the-middle (kv_retrieval_data)",
    )
    found = with_fields(path, read_rows(path), "key", "value", "ordered_kv_records")
    rows = [row for row in found if split_of("kv-retrieval", row["key"]) == split]
    for row in shuffled(rows, f"kv-retrieval:{split}"):
        yield example(row, _KEYS[variant])


def example(row: Mapping[str, Any], count: int) -> Example:
    """Write the authors' prompt over the asked pair, in the middle, and the first ``count - 1`` others."""
    key, value = row["key"], row["value"]
    pairs = [pair for pair in row["ordered_kv_records"] if pair[0] != key][: count - 1]
    pairs.insert(count // 2, [key, value])
    page = Page()
    page.write(_HEAD)
    spans = []
    for place, pair in enumerate(pairs):
        if place:
            page.write(",\n ")
        spans.append(page.write(f'"{pair[0]}": "{pair[1]}"'))
    page.write(f'}}\n\nKey: "{key}"\n')
    start = page.write("Corresponding value:").start
    asked = spans.pop(count // 2)
    return Example(
        id=key,
        group=key,
        prompt=EmphasisedText(page.text, (asked,)),
        question=Generate(48, until="line"),
        other=(random.Random(f"{_NAME}:{key}").choice(spans),),
        answer_start=start,
        target=f' "{value}"',
        info={"value": value},
    )


def score(example: Example, answer: Answer) -> Scores:
    """Score the answer; the strict score reads its first line alone."""
    value = example.info["value"].lower()
    only = first_line(answer.text).lower().strip("\"'.,} ")
    return {"accuracy": float(value in answer.text.lower()), "exact": float(only == value)}


TASK = Task(
    name=_NAME,
    title="Key and value",
    says="A JSON object of random keys and values, and the key whose value is wanted; its line, in the middle, is "
    "emphasised (Liu et al. 2023, their prompt). An answer ends with its line, or after 48 tokens. "
    "Variants: original has 75 pairs (some 6 000 tokens), "
    "the others the asked pair among the first 9 or 24 others.",
    metrics=(
        Metric("accuracy", "Value in it", "The value occurs in the answer (Liu et al. 2023)."),
        Metric("exact", "Exact", "The first line is the value and nothing else but quotes and marks."),
    ),
    examples=examples,
    score=score,
    variants=tuple(_KEYS),
)
TASKS = (TASK,)
