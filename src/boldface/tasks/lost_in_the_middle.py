"""Lost in the middle, several documents (Liu et al. 2023): one of ten holds the answer, and it is emphasised.

Prompt and headline metric are those of the authors' code (nelson-liu/lost-in-the-middle).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from boldface.emphasis.span import EmphasisedText
from boldface.metrics.answers import best_subspan, exact, f1, first_line
from boldface.tasks.data import Data, read_rows, shuffled
from boldface.tasks.example import Answer, Example, Generate
from boldface.tasks.fields import with_fields
from boldface.tasks.page import Page
from boldface.tasks.split import Split, split_of
from boldface.tasks.task import Metric, Scores, Task

_NAME = "lost-in-the-middle"
_PUBLISHED = "https://github.com/nelson-liu/lost-in-the-middle (qa_data)"
_HEAD = (
    "Write a high-quality answer for the given question using only the provided search results "
    "(some of which might be irrelevant).\n\n"
)
_PLACES = {
    "original": (10, 4),
    "first": (10, 0),
    "last": (10, 9),
    "20 documents": (20, 9),
    "30 documents": (30, 14),
    "50 documents": (50, 24),
    "first of 50": (50, 0),
    "last of 50": (50, 49),
}
"""Variant to number of documents and place of the gold one, counted from 0."""


class Document(NamedTuple):
    """A paragraph of Wikipedia."""

    title: str
    text: str


class Search(NamedTuple):
    """A question with its documents in order, ``gold`` the place of the one that answers it."""

    question: str
    answers: Sequence[str]
    documents: Sequence[Document]
    gold: int
    source: str


def examples(data: Data, split: Split, variant: str) -> Iterator[Example]:
    """Yield one example a question, of the authors' own file where it is there, else of the one made of the oracle."""
    count, place = _PLACES[variant]
    theirs = f"nq-open-{count}_total_documents_gold_at_{place}.jsonl.gz"
    path = data.find(
        (
            f"qa_data/{count}_total_documents/{theirs}",
            f"lost_in_the_middle/{theirs}",
            "lost_in_the_middle/multidoc_500.jsonl.gz",
        ),
        what="Lost in the Middle",
        published=_PUBLISHED,
    )
    found = with_fields(path, read_rows(path), "question", "answers")
    rows = {row["question"]: row for row in found if split_of("nq-open", row["question"]) == split}
    passages: list[Document] = []
    if path.name != theirs:
        name = "lost_in_the_middle/oracle_passages.jsonl.gz"
        path = data.find((name,), what="Lost in the Middle's passages", published=_PUBLISHED)
        oracle = with_fields(path, read_rows(path), "pid", "title", "text")
        passages = [Document(row["title"], row["text"]) for row in sorted(oracle, key=lambda row: row["pid"])]
    for question in shuffled(sorted(rows), f"nq-open:{split}"):
        row = rows[question]
        yield example(retrieved(row) if "ctxs" in row else assembled(row, passages, count, place))


def retrieved(row: Mapping[str, Any]) -> Search:
    """Read a row of the authors' files: documents as they were retrieved, the gold one marked."""
    documents = [Document(context["title"], context["text"]) for context in row["ctxs"]]
    gold = next(place for place, context in enumerate(row["ctxs"]) if context.get("isgold"))
    return Search(row["question"], row["answers"], documents, gold, "retrieved")


def assembled(row: Mapping[str, Any], passages: Sequence[Document], count: int, place: int) -> Search:
    """Put the gold paragraph at a place among ``count - 1`` paragraphs of other questions, in random order.

    They are the row's own distractors, and beyond those any that hold no right answer.
    """
    named = row["distractors"][: count - 1]
    if len(named) < count - 1:
        known = {*named}
        others = [
            number
            for number, passage in enumerate(passages)
            if number not in known and not best_subspan(passage.text, row["answers"])
        ]
        dice = random.Random(f"{_NAME}:{row['question']}:more")
        named = [*named, *dice.sample(others, count - 1 - len(named))]
    documents = [passages[number] for number in named]
    random.Random(f"{_NAME}:{row['question']}").shuffle(documents)
    documents.insert(place, Document(**row["gold"]))
    return Search(row["question"], row["answers"], documents, place, "assembled")


def example(search: Search) -> Example:
    """Write the authors' prompt; emphasised is the gold document's text, the rival a distractor's."""
    page = Page()
    page.write(_HEAD)
    spans = []
    for number, document in enumerate(search.documents, 1):
        page.write(f"Document [{number}](Title: {document.title}) ")
        words = document.text.rstrip()
        spans.append(page.write(words))
        page.write(f"{document.text[len(words) :]}\n")
    page.write(f"\nQuestion: {search.question}\n")
    start = page.write("Answer:").start
    gold = spans.pop(search.gold)
    rival = random.Random(f"{_NAME}:{search.question}:other").choice(spans)
    return Example(
        id=search.question,
        group=search.question,
        prompt=EmphasisedText(page.text, (gold,)),
        question=Generate(48, until="line"),
        other=(rival,),
        answer_start=start,
        target=f" {search.answers[0]}",
        info={"answers": list(search.answers), "gold_at": search.gold, "documents": search.source},
    )


def score(example: Example, answer: Answer) -> Scores:
    """Score the first line of the answer."""
    said, golds = first_line(answer.text), example.info["answers"]
    return {"best_subspan_em": best_subspan(said, golds), "em": exact(said, golds), "f1": f1(said, golds)}


TASK = Task(
    name=_NAME,
    title="Lost in the middle",
    says="A question and ten documents, one of which answers it; that one is emphasised (Liu et al. 2023, their "
    "prompt). An answer ends with its line, or after 48 tokens. Variants: original has it fifth of ten, first and "
    "last have it there, 20, 30 and 50 documents tenth of twenty, 15th of thirty and 25th of fifty, first of 50 and "
    "last of 50 at the ends of fifty. "
    "Where the authors' retrieved documents are not in the data folder, the others are paragraphs that answer other "
    "questions, which is easier than theirs; every example says which (retrieved or assembled).",
    metrics=(
        Metric("best_subspan_em", "Answer in it", "A right answer occurs in the first line (Liu et al. 2023)."),
        Metric("em", "Exact", "The first line is a right answer and nothing else (SQuAD's normalisation)."),
        Metric("f1", "F1", "Words shared with the nearest right answer (SQuAD)."),
    ),
    examples=examples,
    score=score,
    variants=tuple(_PLACES),
)
TASKS = (TASK,)
