from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from boldface.errors import TaskError
from boldface.tasks.data import Data
from boldface.tasks.passages import Passage, hotpotqa, musique, squad, xquad

HOTPOTQA = {
    "_id": "h1",
    "question": " Who? ",
    "answer": "Ann",
    "supporting_facts": [["A", 1], ["A", 9]],
    "context": [["A", ["One.", " Two.", " "]], ["B", ["Three."]]],
}
MUSIQUE = {
    "id": "m1",
    "question": "Who?",
    "answer": "Ann",
    "answer_aliases": ["Annie", "Ann"],
    "answerable": True,
    "paragraphs": [
        {"idx": 0, "title": "A", "paragraph_text": "One. Two.", "is_supporting": True},
        {"idx": 1, "title": "B", "paragraph_text": "Three.", "is_supporting": False},
    ],
}
CONTEXT = "Ann was here. Dr. Bo met her. Cy left."
SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "A",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {"id": "s1", "question": "Who met her?", "answers": [{"text": "Bo", "answer_start": 18}]},
                        {"id": "s2", "question": "Why?", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ],
}
FLAT = {"id": "s1", "question": "Who met her?", "answer": "BO", "answer_span": [18, 20], "context": CONTEXT}


def put(folder: Path, name: str, content: Any) -> Data:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content), "utf-8")
    return Data(folder)


def test_hotpotqa(tmp_path: Path):
    """Supporting sentences are marked by title and place; empty ones and facts on none are dropped."""
    (item,) = hotpotqa(put(tmp_path, "hotpotqa/hotpot_dev_distractor_v1.json", [HOTPOTQA]))
    assert (item.id, item.question, item.answers) == ("h1", "Who?", ("Ann",))
    assert item.passages == (Passage("A", ("One.", "Two."), (False, True)), Passage("B", ("Three.",), (False,)))


def test_hotpotqa_without_evidence(tmp_path: Path):
    """A question none of whose supporting facts is there cannot be emphasised and is left out."""
    row = HOTPOTQA | {"supporting_facts": [["A", 9]]}
    assert hotpotqa(put(tmp_path, "hotpotqa/hotpot_dev_distractor_v1.json", [row])) == []


def test_musique(tmp_path: Path):
    """Paragraphs are marked whole, aliases are right answers, unanswerable questions are left out."""
    content = f"{json.dumps(MUSIQUE)}\n{json.dumps(MUSIQUE | {'answerable': False})}\n"
    file = tmp_path / "musique" / "musique_ans_v1.0_dev.jsonl"
    file.parent.mkdir()
    file.write_text(content, "utf-8")
    (item,) = musique(Data(tmp_path))
    assert item.answers == ("Ann", "Annie")
    assert item.passages == (Passage("A", ("One. Two.",), (True,)), Passage("B", ("Three.",), (False,)))


def test_squad_nested_and_flat(tmp_path: Path):
    """SQuAD's own JSON, XQuAD's and the flat rows give the same passage: the sentence with the answer is marked."""
    nested = squad(put(tmp_path / "one", "squad/dev-v2.0.json", SQUAD))
    assert nested == xquad(put(tmp_path / "two", "squad/xquad.en.json", SQUAD))
    (item,) = nested
    assert item.passages == (Passage("", ("Ann was here.", "Dr. Bo met her.", "Cy left."), (False, True, False)),)
    assert item.answers == ("Bo",)


def test_an_answer_over_two_sentences_marks_both(tmp_path: Path):
    """Where an answer runs over a sentence's end, both sentences are evidence."""
    row = json.loads(json.dumps(SQUAD))
    row["data"][0]["paragraphs"][0]["qas"][0]["answers"] = [{"text": "met her. Cy", "answer_start": 21}]
    (item,) = squad(put(tmp_path, "squad/dev-v1.1.json", row))
    assert item.passages[0].marks == (False, True, True)


@pytest.mark.parametrize("read", [hotpotqa, musique, squad, xquad])
def test_foreign_rows_are_told(tmp_path: Path, read: Any):
    """A file without the fields is an error that names it, whichever data set it is of."""
    names = ("hotpotqa/hotpot_dev_distractor_v1.json", "musique/musique_ans_v1.0_dev.jsonl", "squad/dev-v2.0.json")
    for name in (*names, "squad/xquad.en.json"):
        put(tmp_path, name, {"a": 1})
    with pytest.raises(TaskError, match="lacks one of"):
        read(Data(tmp_path))


def test_the_answer_stands_in_the_evidence(data: Data):
    """In every SQuAD and XQuAD question the marked sentences, written out, hold the first right answer."""
    for item in (*squad(data), *xquad(data)):
        (passage,) = item.passages
        marked = " ".join(text for text, mark in zip(passage.sentences, passage.marks, strict=True) if mark)
        assert " ".join(item.answers[0].split()) in " ".join(marked.split())
