"""Knowledge conflict (ConflictQA, Xie et al. 2024): two pieces of evidence contradict each other, one is emphasised."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from boldface.emphasis.span import EmphasisedText
from boldface.metrics.claims import yes_and_no
from boldface.tasks.data import Data, read_rows, shuffled
from boldface.tasks.example import Answer, Choose, Example
from boldface.tasks.fields import with_fields
from boldface.tasks.page import Page
from boldface.tasks.split import Split, split_of
from boldface.tasks.task import Metric, Scores, Task

Side = Literal["memory", "counter"]

_NAME = "conflict"
_HEAD = "According to the given information, answer the question with Yes or No.\n\nInformation:\n"
_EVIDENCE: dict[Side, str] = {"memory": "parametric_memory", "counter": "counter_memory"}
_MODELS = {"original": "llama2-7b", "single": "llama2-7b", "qwen7b": "qwen7b"}
"""Variant to the model whose memory the file holds."""


def examples(data: Data, split: Split, variant: str) -> Iterator[Example]:
    """Yield two examples a question, either evidence emphasised; for ``single`` one, with the counter evidence."""
    model = _MODELS[variant]
    path = data.find(
        (f"conflictqa/conflictQA-strategyQA-{model}.json", f"conflictqa/conflictqa_strategyqa_{model}.jsonl.gz"),
        what="ConflictQA",
        published="https://github.com/OSU-NLP-Group/LLM-Knowledge-Conflict "
        f"(conflictQA/conflictQA-strategyQA-{model}.json)",
    )
    found = with_fields(
        path, read_rows(path), "question", "ground_truth", "memory_answer", "counter_answer", *_EVIDENCE.values()
    )
    rows = {row["question"]: row for row in readable(found)}
    mine = sorted(question for question in rows if split_of("conflictqa", question) == split)
    for question in shuffled(mine, f"conflictqa:{split}"):
        if variant == "single":
            yield example(rows[question], "counter", alone=True)
        else:
            yield example(rows[question], "counter")
            yield example(rows[question], "memory")


def readable(rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows whose two answers are a yes and a no without doubt, and whose truth is known."""
    return [row for row in rows if _answers(row) and row["ground_truth"] in (["True"], ["False"])]


def example(row: Mapping[str, Any], side: Side, *, alone: bool = False) -> Example:
    """Ask with both pieces of evidence in random order (the same for both sides), or with that of ``side`` alone.

    Raises:
        KeyError: The row is not a readable one.
    """
    question = row["question"].strip()
    order: list[Side] = ["memory", "counter"]
    random.Random(f"{_NAME}:{row['question']}").shuffle(order)
    page = Page()
    page.write(_HEAD)
    spans = {}
    for number, shown in enumerate([side] if alone else order, 1):
        page.write(f"{number}. ")
        spans[shown] = page.write(" ".join(row[_EVIDENCE[shown]].split()))
        page.write("\n")
    page.write(f"\nQuestion: {question}\n")
    start = page.write("Answer:").start
    wanted = _answers(row)[side]
    asked = spans.pop(side)
    return Example(
        id=f"{row['question']} [{side}]",
        group=row["question"],
        prompt=EmphasisedText(page.text, (asked,)),
        question=Choose(("Yes", "No")),
        other=tuple(spans.values()),
        answer_start=start,
        target=f" {wanted}",
        rival=None if alone else f" {'No' if wanted == 'Yes' else 'Yes'}",
        info={
            "wanted": wanted,
            "truth": "Yes" if row["ground_truth"] == ["True"] else "No",
            "side": side,
            "alone": alone,
        },
    )


def score(example: Example, answer: Answer) -> Scores:
    """Score the more likely of Yes and No; equally likely ones are neither."""
    if not isinstance(example.question, Choose) or len(answer.logprobs) != 2:
        return dict.fromkeys(("both", "follows", "truth"))
    yes, no = answer.logprobs
    said = None if yes == no else example.question.candidates[yes < no]
    follows = float(said == example.info["wanted"])
    return {
        "both": None if example.info["alone"] else follows,
        "follows": follows,
        "truth": float(said == example.info["truth"]),
    }


def _answers(row: Mapping[str, Any]) -> dict[Side, str]:
    """Return what either side answers; empty when that is in doubt."""
    said = yes_and_no(row["question"], row["memory_answer"], row["counter_answer"])
    return {"memory": said[0], "counter": said[1]} if said else {}


TASK = Task(
    name=_NAME,
    title="Knowledge conflict",
    says="A yes/no question with the evidence a model gave for its own answer and evidence for the opposite, in random "
    "order, either one emphasised; its answer is wanted (ConflictQA's StrategyQA part, Xie et al. 2024; our prompt). "
    "Variants: original has the memory of Llama 2 7B, single only the evidence against it, qwen7b the memory of "
    "Qwen 7B. Which answer a claim states is told from its negation; rows that leave a doubt are left out (621 of "
    "698 and 601 of 671 are kept). What is true is nearly always Yes, and so is most of the evidence against a model's "
    "memory: only both tells obedience from a liking for Yes.",
    metrics=(
        Metric(
            "both", "Both", "Yes or No as the emphasised evidence says, whichever is emphasised; ours.", within="all"
        ),
        Metric("follows", "Follows", "Yes or No, the likelier, as the emphasised evidence says; ours."),
        Metric(
            "truth",
            "True",
            "Yes or No as StrategyQA says; a model that always follows gets one half where both sides are asked.",
            better=None,
        ),
    ),
    examples=examples,
    score=score,
    variants=tuple(_MODELS),
)
TASKS = (TASK,)
