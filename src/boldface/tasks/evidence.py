"""Questions on texts whose evidence is marked: HotpotQA, MuSiQue, SQuAD and XQuAD. The evidence is emphasised."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.metrics.answers import contains, exact, f1, first_line
from boldface.tasks.data import Data, shuffled
from boldface.tasks.example import Answer, Example, Generate
from boldface.tasks.page import Page
from boldface.tasks.passages import Item, Passage, hotpotqa, musique, squad, xquad
from boldface.tasks.split import Split, split_of
from boldface.tasks.task import Metric, Scores, Task

DISTRACTORS = 2
"""Paragraphs without evidence in the original variant: what a small model's context has room for."""
_CLOSED = ("yes", "no", "noanswer")


def examples(
    kind: str, read: Callable[[Data], list[Item]], data: Data, split: Split, variant: str
) -> Iterator[Example]:
    """Yield one example a question; questions on one paragraph are of one split.

    Args:
        kind: Name of the data set, for the split.
        read: Reads its questions.
        data: The data folder.
        split: Split of the data.
        variant: ``all`` keeps every paragraph.
    """
    mine = [item for item in read(data) if split_of(kind, item.text or item.id) == split]
    for item in shuffled(mine, f"{kind}:{split}"):
        yield example(item, None if variant == "all" else DISTRACTORS)


def example(item: Item, distractors: int | None) -> Example:
    """Write the paragraphs with evidence and some without, in random order, then the question.

    Args:
        item: The question.
        distractors: How many paragraphs without evidence; None for all, in their own order.
    """
    dice = random.Random(f"evidence:{item.id}")
    page, passages = Page(), list(item.passages)
    if distractors is not None:
        idle = [passage for passage in passages if not passage.supports]
        passages = [passage for passage in passages if passage.supports]
        passages += dice.sample(idle, min(distractors, len(idle)))
        dice.shuffle(passages)
    page.write(f"Answer the question with a few words from the {'text' if len(passages) == 1 else 'documents'}.\n\n")
    marked: list[CharSpan] = []
    beside: list[CharSpan] = []
    apart: list[CharSpan] = []
    for number, passage in enumerate(passages, 1):
        if len(passages) > 1:
            page.write(f"Document {number}: {passage.title}\n")
        for span, supports in zip(_write(page, passage), passage.marks, strict=True):
            (marked if supports else beside if passage.supports else apart).append(span)
        page.write("\n\n")
    page.write(f"Question: {item.question}\n")
    start = page.write("Answer:").start
    rivals = apart or beside
    return Example(
        id=item.id,
        group=item.id,
        prompt=EmphasisedText(page.text, tuple(marked)),
        question=Generate(32, until="line"),
        other=tuple(sorted(dice.sample(rivals, min(len(marked), len(rivals))), key=lambda span: span.start)),
        answer_start=start,
        target=f" {item.answers[0]}",
        info={"answers": list(item.answers)},
    )


def score(example: Example, answer: Answer) -> Scores:
    """Score the first line of the answer."""
    said, golds = first_line(answer.text), example.info["answers"]
    return {"em": exact(said, golds), "f1": f1(said, golds, _CLOSED), "contains": contains(said, golds)}


def _write(page: Page, passage: Passage) -> list[CharSpan]:
    spans = []
    for place, sentence in enumerate(passage.sentences):
        if place:
            page.write(" ")
        spans.append(page.write(sentence))
    return spans


_METRICS = (
    Metric("em", "Exact", "The first line is a right answer (SQuAD's exact match)."),
    Metric(
        "f1", "F1", "Words shared with the nearest right answer; yes and no count whole (SQuAD's F1, HotpotQA's rule)."
    ),
    Metric("contains", "Answer in it", "A right answer occurs in the first line as whole words; ours."),
)
_BUDGET = "The original variant has the paragraphs with evidence and two without, in random order; all has every one."

HOTPOTQA = Task(
    name="hotpotqa",
    title="HotpotQA",
    says="Questions that need two paragraphs; the sentences its authors mark as supporting are emphasised (Yang et al. "
    f"2018, distractor setting). {_BUDGET}",
    metrics=_METRICS,
    examples=partial(examples, "hotpotqa", hotpotqa),
    score=score,
    variants=("original", "all"),
)
MUSIQUE = Task(
    name="musique",
    title="MuSiQue",
    says="Questions that need two to four paragraphs; those its authors mark as supporting are emphasised whole "
    f"(Trivedi et al. 2022, answerable questions). {_BUDGET}",
    metrics=_METRICS,
    examples=partial(examples, "musique", musique),
    score=score,
    variants=("original", "all"),
)
SQUAD = Task(
    name="squad",
    title="SQuAD",
    says="Questions on one paragraph; the sentence that holds the answer is emphasised (Rajpurkar et al. 2016, 2018; "
    "answerable questions). The placebo emphasises another sentence. Questions on one paragraph are of one split.",
    metrics=_METRICS,
    examples=partial(examples, "squad", squad),
    score=score,
)
XQUAD = Task(
    name="xquad",
    title="XQuAD, English",
    says="The 1 190 questions of SQuAD 1.1 that XQuAD translates, in English (Artetxe et al. 2020), asked like SQuAD's "
    "and in the same splits.",
    metrics=_METRICS,
    examples=partial(examples, "squad", xquad),
    score=score,
)
TASKS = (HOTPOTQA, MUSIQUE, SQUAD, XQUAD)
