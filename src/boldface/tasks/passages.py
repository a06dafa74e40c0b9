"""Readers of data sets that mark the evidence for an answer, as their authors publish them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boldface.metrics.words import sentences
from boldface.tasks.data import Data, read_rows
from boldface.tasks.fields import with_fields


@dataclass(frozen=True)
class Passage:
    """A paragraph.

    Attributes:
        title: Its title, empty when it has none.
        sentences: Its sentences, without the space around them.
        marks: Whether each is evidence.
    """

    title: str
    sentences: tuple[str, ...]
    marks: tuple[bool, ...]

    @property
    def supports(self) -> bool:
        """Whether any sentence is evidence."""
        return any(self.marks)


@dataclass(frozen=True)
class Item:
    """A question with its right answers and its paragraphs.

    Attributes:
        id: Of the question.
        question: What is asked.
        answers: The right ones.
        passages: Paragraphs to read.
        text: For questions that share their paragraph: that paragraph, so that all of them are of one split.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    passages: tuple[Passage, ...]
    text: str = ""


def hotpotqa(data: Data) -> list[Item]:
    """Read HotpotQA's distractor setting; supporting facts that name a sentence which is not there mark nothing."""
    path = data.find(
        ("hotpotqa/hotpot_dev_distractor_v1.json", "hotpotqa/hotpotqa_distractor_300.jsonl.gz"),
        what="HotpotQA",
        published="https://hotpotqa.github.io",
    )
    rows = with_fields(path, read_rows(path), "question", "answer", "supporting_facts", "context")
    return [item for item in map(_hotpotqa, rows) if any(passage.supports for passage in item.passages)]


def musique(data: Data) -> list[Item]:
    """Read MuSiQue's answerable questions."""
    path = data.find(
        ("musique/musique_ans_v1.0_dev.jsonl", "musique/musique_train_100.jsonl.gz"),
        what="MuSiQue",
        published="https://github.com/StonyBrookNLP/musique",
    )
    rows = with_fields(path, read_rows(path), "id", "question", "answer", "answer_aliases", "paragraphs", "answerable")
    return [_musique(row) for row in rows if row["answerable"]]


def squad(data: Data) -> list[Item]:
    """Read SQuAD's answerable questions."""
    path = data.find(
        ("squad/dev-v2.0.json", "squad/dev-v1.1.json", "squad/squad_v2_dev_1978.jsonl.gz"),
        what="SQuAD",
        published="https://rajpurkar.github.io/SQuAD-explorer",
    )
    return _squad_file(path)


def xquad(data: Data) -> list[Item]:
    """Read XQuAD's English questions."""
    path = data.find(("squad/xquad.en.json",), what="XQuAD", published="https://github.com/google-deepmind/xquad")
    return _squad_file(path)


def _hotpotqa(row: Mapping[str, Any]) -> Item:
    facts = {(title, place) for title, place in row["supporting_facts"]}
    passages = []
    for title, lines in row["context"]:
        kept = [(line.strip(), (title, place) in facts) for place, line in enumerate(lines) if line.strip()]
        passages.append(Passage(title, *_columns(kept)))
    return Item(row.get("_id") or row["id"], row["question"].strip(), (row["answer"],), tuple(passages))


def _musique(row: Mapping[str, Any]) -> Item:
    passages = (
        Passage(paragraph["title"], (paragraph["paragraph_text"].strip(),), (paragraph["is_supporting"],))
        for paragraph in row["paragraphs"]
    )
    return Item(row["id"], row["question"].strip(), _distinct([row["answer"], *row["answer_aliases"]]), tuple(passages))


def _squad_file(path: Path) -> list[Item]:
    rows = read_rows(path)
    names = ("data",) if rows and "data" in rows[0] else ("id", "question", "answer", "answer_span", "context")
    return [item for row in with_fields(path, rows, *names) for item in _squad(row)]


def _squad(row: Mapping[str, Any]) -> Iterator[Item]:
    """Read a document of SQuAD's nested JSON, or a flat row with ``answer_span``."""
    if "answer_span" in row:
        start, end = row["answer_span"]
        context = row["context"]
        passage = _marked(context, start, end)
        golds = _distinct([context[start:end], row["answer"]])
        yield Item(row["id"], row["question"].strip(), golds, (passage,), context.strip())
        return
    for paragraph in (paragraph for article in row["data"] for paragraph in article["paragraphs"]):
        for asked in paragraph["qas"]:
            if asked.get("is_impossible") or not asked["answers"]:
                continue
            first = asked["answers"][0]
            start = first["answer_start"]
            context = paragraph["context"]
            passage = _marked(context, start, start + len(first["text"]))
            golds = _distinct([answer["text"] for answer in asked["answers"]])
            yield Item(asked["id"], asked["question"].strip(), golds, (passage,), context.strip())


def _marked(context: str, start: int, end: int) -> Passage:
    """Cut a text into sentences; evidence is every one that the answer ``[start, end)`` touches."""
    kept, place = [], 0
    for sentence in sentences(context):
        begin = context.index(sentence, place)
        place = begin + len(sentence)
        kept.append((sentence, begin < end and start < place))
    return Passage("", *_columns(kept))


def _columns(kept: Sequence[tuple[str, bool]]) -> tuple[tuple[str, ...], tuple[bool, ...]]:
    return tuple(sentence for sentence, _ in kept), tuple(mark for _, mark in kept)


def _distinct(answers: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answers))
