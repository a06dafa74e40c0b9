from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path

import pytest

from boldface.tasks.data import Data
from boldface.tasks.example import Answer
from boldface.tasks.lost_in_the_middle import TASK, Document, assembled, example, retrieved, score
from boldface.tasks.split import SPLITS

ROW = {
    "question": "who wrote it",
    "answers": ["Jane Poe", "Poe"],
    "ctxs": [
        {"title": "One", "text": "First text."},
        {"title": "Two", "text": "Jane Poe wrote it.", "isgold": True},
    ],
}
DERIVED = {
    "question": "who wrote it",
    "answers": ["Jane Poe"],
    "gold": {"title": "Two", "text": "Jane Poe wrote it."},
    "distractors": [2, 0, 1],
}
PASSAGES = [Document(name, f"{name} text.") for name in "abc"]


def test_the_prompt_is_the_authors():
    """Documents are numbered and titled as published; the gold one's text is emphasised, another's is the rival."""
    asked = example(retrieved(ROW))
    assert asked.prompt.text == (
        "Write a high-quality answer for the given question using only the provided search results "
        "(some of which might be irrelevant).\n\n"
        "Document [1](Title: One) First text.\nDocument [2](Title: Two) Jane Poe wrote it.\n\n"
        "Question: who wrote it\nAnswer:"
    )
    (span,), (other,) = asked.prompt.spans, asked.other
    assert asked.prompt.text[span.start : span.end] == "Jane Poe wrote it."
    assert asked.prompt.text[other.start : other.end] == "First text."
    assert asked.prompt.text[asked.answer_start :] == "Answer:"
    assert (asked.target, asked.info["documents"]) == (" Jane Poe", "retrieved")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_assembled_documents(place: int):
    """The gold paragraph stands at its place among the first distractors, whose order does not depend on the place."""
    search = assembled(DERIVED, PASSAGES, 3, place)
    titles = [document.title for document in search.documents]
    assert titles[place] == "Two" and search.gold == place
    others = titles[:place] + titles[place + 1 :]
    assert sorted(others) == ["a", "c"]
    assert others == [document.title for document in assembled(DERIVED, PASSAGES, 3, 0).documents[1:]]


def test_more_documents_than_a_row_has_distractors():
    """The rest are other paragraphs, each once, none of which holds a right answer; they depend on the row alone."""
    more = [*PASSAGES, Document("poe", "Poems by Jane Poe."), *(Document(name, f"{name} text.") for name in "defgh")]
    search = assembled(DERIVED, more, 7, 3)
    titles = [document.title for document in search.documents]
    assert len({*titles}) == 7 and titles[3] == "Two" and "poe" not in titles and {"a", "b", "c"} <= {*titles}
    assert assembled(DERIVED, more, 7, 0).documents[1:] == [one for one in search.documents if one.title != "Two"]


@pytest.mark.parametrize(
    ("text", "subspan", "em", "f1"),
    [
        ("Jane Poe", 1, 1, 1),
        ("It was Jane Poe.", 1, 0, 2 / 3),
        ("no idea\nJane Poe", 0, 0, 0),
        ("poetry", 1, 0, 0),
        ("", 0, 0, 0),
    ],
)
def test_scores(text: str, subspan: float, em: float, f1: float):
    """Only the first line counts; the authors' score looks for letters, so *poetry* holds *Poe*."""
    scores = score(example(retrieved(ROW)), Answer(text))
    assert scores == {"best_subspan_em": subspan, "em": em, "f1": pytest.approx(f1)}


def test_the_authors_file_comes_first(tmp_path: Path):
    """A file of the authors' own name is read, in their folder, without the passages of ours."""
    folder = tmp_path / "qa_data" / "10_total_documents"
    folder.mkdir(parents=True)
    (folder / "nq-open-10_total_documents_gold_at_4.jsonl.gz").write_bytes(gzip.compress(json.dumps(ROW).encode()))
    found = [asked for split in SPLITS for asked in TASK.examples(Data(tmp_path), split, "original")]
    assert [asked.id for asked in found] == ["who wrote it"]
    assert found[0].info["documents"] == "retrieved"


@pytest.mark.parametrize(
    ("variant", "count", "place"),
    [
        ("original", 10, 5),
        ("first", 10, 1),
        ("last", 10, 10),
        ("30 documents", 30, 15),
        ("50 documents", 50, 25),
        ("first of 50", 50, 1),
        ("last of 50", 50, 50),
    ],
)
def test_real_rows(data: Data, variant: str, count: int, place: int):
    """Every variant has its number of documents, the gold one in its place; a right answer is found in it."""
    for asked in islice(TASK.examples(data, "test", variant), 20):
        (span,) = asked.prompt.spans
        assert asked.prompt.text.count("\nDocument [") == count
        assert asked.prompt.text[: span.start].count("\nDocument [") == place
        assert score(asked, Answer(asked.target or ""))["em"] == 1
        gold = asked.prompt.text[span.start : span.end]
        assert score(asked, Answer(gold.replace("\n", " ")))["best_subspan_em"] == 1
