from __future__ import annotations

import json
from pathlib import Path

import pytest

from boldface.emphasis.span import CharSpan
from boldface.tasks.data import Data
from boldface.tasks.evidence import SQUAD, TASKS, example, score
from boldface.tasks.example import Answer, Example
from boldface.tasks.passages import Item, Passage
from boldface.tasks.split import SPLITS
from boldface.tasks.task import Task

ITEM = Item(
    "q1",
    "Who?",
    ("yes", "Ann"),
    (
        Passage("A", ("A one.", "A two."), (False, True)),
        *(Passage(name, (f"{name} one.", f"{name} two."), (False, False)) for name in "BCDE"),
        Passage("F", ("F one.",), (True,)),
    ),
)
TEXT = Item("q2", "Who?", ("Ann",), (Passage("", ("One.", "Two.", "Three."), (False, True, False)),))


def pieces(asked: Example, spans: tuple[CharSpan, ...]) -> list[str]:
    return [asked.prompt.text[span.start : span.end] for span in spans]


def test_a_budget_keeps_the_evidence():
    """Two paragraphs without evidence stay beside those with it; as many of their sentences are the rival."""
    asked = example(ITEM, 2)
    assert asked.prompt.text.count("Document ") == 4
    assert sorted(pieces(asked, asked.prompt.spans)) == ["A two.", "F one."]
    assert len(asked.other) == 2
    assert all(piece[0] in "BCDE" for piece in pieces(asked, asked.other))
    assert asked.prompt.text[asked.answer_start :] == "Answer:"


def test_all_paragraphs_in_their_order():
    """Without a budget every paragraph stands in the prompt, in the order of the data."""
    text = example(ITEM, None).prompt.text
    assert [text.index(f": {name}\n") for name in "ABCDEF"] == sorted(text.index(f": {name}\n") for name in "ABCDEF")


def test_one_text():
    """A single paragraph has no heading, and the rival is one of its other sentences."""
    asked = example(TEXT, 2)
    assert asked.prompt.text == (
        "Answer the question with a few words from the text.\n\nOne. Two. Three.\n\nQuestion: Who?\nAnswer:"
    )
    assert pieces(asked, asked.prompt.spans) == ["Two."]
    assert pieces(asked, asked.other)[0] in ("One.", "Three.")
    assert len(asked.other) == 1


def test_no_rival():
    """Where everything is evidence there is nothing else to emphasise."""
    assert example(Item("q", "Who?", ("Ann",), (Passage("", ("Ann.",), (True,)),)), 2).other == ()


@pytest.mark.parametrize(
    ("text", "em", "f1", "contains"),
    [
        (" Ann\nQuestion:", 1, 1, 1),
        ("It is Ann", 0, 0.5, 1),
        ("yes it is", 0, 0, 1),
        ("Annette", 0, 0, 0),
        ("", 0, 0, 0),
    ],
)
def test_scores(text: str, em: float, f1: float, contains: float):
    """The first line is scored; yes and no count whole for F1; containment is by words."""
    assert score(example(ITEM, 2), Answer(text)) == {"em": em, "f1": pytest.approx(f1), "contains": contains}


def test_questions_on_one_text_are_of_one_split(tmp_path: Path):
    """However many questions a paragraph has, none of them is in another split."""
    questions = [
        {"id": str(number), "question": f"Who is {number}?", "answers": [{"text": "Ann", "answer_start": 0}]}
        for number in range(30)
    ]
    articles = [
        {"title": "A", "paragraphs": [{"context": text, "qas": questions}]} for text in ("Ann one.", "Ann two.")
    ]
    (tmp_path / "squad").mkdir()
    (tmp_path / "squad" / "dev-v1.1.json").write_text(json.dumps({"version": "1.1", "data": articles}), "utf-8")
    counts = [len(list(SQUAD.examples(Data(tmp_path), split, "original"))) for split in SPLITS]
    assert sum(counts) == 60
    assert set(counts) <= {0, 30, 60}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_real_rows(data: Data, task: Task):
    """Ids are unique, splits share none, no rival touches the emphasis, and the right answer scores 1."""
    seen: set[str] = set()
    for variant in task.variants:
        for split in ("validation", "test"):
            found = list(task.examples(data, split, variant))
            ids = {asked.id for asked in found}
            assert len(ids) == len(found) > 10
            assert variant != "original" or not ids & seen
            seen |= ids
            for asked in found:
                assert not {(span.start, span.end) for span in asked.prompt.spans} & {
                    (span.start, span.end) for span in asked.other
                }
                assert score(asked, Answer(asked.target or "")) == {"em": 1, "f1": 1, "contains": 1}
