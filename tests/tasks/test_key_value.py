from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path

import pytest

from boldface.errors import MissingError, TaskError
from boldface.tasks.data import Data
from boldface.tasks.example import Answer
from boldface.tasks.key_value import TASK, example, score

ROW = {"key": "k3", "value": "V-3", "ordered_kv_records": [["k1", "v-1"], ["k2", "v-2"], ["k3", "V-3"], ["k4", "v-4"]]}


def test_the_prompt_is_the_authors():
    """The asked pair stands in the middle of the first others, in the published layout, and its line is emphasised."""
    asked = example(ROW, 3)
    assert asked.prompt.text == (
        "Extract the value corresponding to the specified key in the JSON object below.\n\nJSON data:\n"
        '{"k1": "v-1",\n "k3": "V-3",\n "k2": "v-2"}\n\nKey: "k3"\nCorresponding value:'
    )
    (span,), (other,) = asked.prompt.spans, asked.other
    assert asked.prompt.text[span.start : span.end] == '"k3": "V-3"'
    assert asked.prompt.text[other.start : other.end] in ('"k1": "v-1"', '"k2": "v-2"')
    assert asked.prompt.text[asked.answer_start :] == "Corresponding value:"
    assert asked.target == ' "V-3"'


@pytest.mark.parametrize(
    ("text", "accuracy", "exact"),
    [
        (' "V-3"', 1, 1),
        (" v-3\nand on", 1, 1),
        (' "V-3", "k2": "v-2"', 1, 0),
        ("first\nV-3", 1, 0),
        (" v-2", 0, 0),
        ("", 0, 0),
    ],
)
def test_scores(text: str, accuracy: float, exact: float):
    """The authors' score looks for the value anywhere, the strict one reads the first line alone."""
    assert score(example(ROW, 3), Answer(text)) == {"accuracy": accuracy, "exact": exact}


def test_a_missing_file_is_told():
    """Without a data folder the error says what to put where."""
    with pytest.raises(MissingError, match="kv-retrieval-75_keys"):
        next(TASK.examples(Data(None), "test", "original"))


def test_a_foreign_file_is_told(tmp_path: Path):
    """Rows without the fields are an error that names the file."""
    file = tmp_path / "kv_retrieval_data" / "kv-retrieval-75_keys.jsonl.gz"
    file.parent.mkdir()
    file.write_bytes(gzip.compress(b'{"a": 1}\n'))
    with pytest.raises(TaskError, match="kv-retrieval"):
        next(TASK.examples(Data(tmp_path), "test", "original"))


@pytest.mark.parametrize(("variant", "pairs"), [("original", 75), ("10 keys", 10), ("25 keys", 25)])
def test_real_rows(data: Data, variant: str, pairs: int):
    """Every variant has its number of pairs, the asked one emphasised in the middle, and a perfect answer scores 1."""
    for asked in islice(TASK.examples(data, "test", variant), 5):
        lines = asked.prompt.text.split("{")[1].split("}")[0].split(",\n")
        (span,) = asked.prompt.spans
        assert len(lines) == pairs
        assert lines[pairs // 2].strip() == asked.prompt.text[span.start : span.end]
        assert set(score(asked, Answer(asked.target or "")).values()) == {1.0}
