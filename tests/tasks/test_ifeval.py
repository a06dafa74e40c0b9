from __future__ import annotations

import json
from pathlib import Path

import pytest

from boldface.errors import MissingError, TaskError
from boldface.evaluation.record import Case, example_line, read_example
from boldface.metrics.instructions.checklist import CHECKS
from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Generate
from boldface.tasks.ifeval import METRICS, TASKS, example, examples, score
from boldface.tasks.split import SPLITS

ROW = {
    "key": 7,
    "prompt": "Write a poem about the sea. Do not use any commas. Use less than 5 words.",
    "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
    "kwargs": [{"num_words": None}, {"relation": "less than", "num_words": 5}],
}


def scores(text: str) -> dict[str, float | None]:
    return dict(score(example(ROW), Answer(text)))


def written(folder: Path, *rows: object) -> Data:
    (folder / "input_data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return Data(folder)


def test_an_example_emphasises_what_the_prompt_demands():
    """The prompt is the row's own, its instructions are emphasised, and another sentence is the rival."""
    made = example(ROW)
    emphasised = [made.prompt.text[span.start : span.end] for span in made.prompt.spans]
    assert made.prompt.text == ROW["prompt"]
    assert emphasised == ["Do not use any commas. Use less than 5 words."]
    assert [made.prompt.text[span.start : span.end] for span in made.other] == ["Write a poem about the sea."]
    assert (made.target, made.answer_start, made.question) == (None, None, Generate(384))
    assert made.info["located"] is True


def test_a_prompt_whose_instructions_are_not_found_is_emphasised_whole():
    """Where the rule finds nothing the example says so, and there is no rival."""
    made = example(ROW | {"prompt": "Surprise me."})
    assert [(span.start, span.end) for span in made.prompt.spans] == [(0, 12)]
    assert (made.other, made.info["located"]) == ((), False)


@pytest.mark.parametrize(
    ("text", "strict", "loose"),
    [("Waves roll on", 2, 2), ("Waves, waves", 1, 1), ("Sure, here it is:\nWaves", 0, 2), ("", 0, 0)],
)
def test_instructions_are_counted(text: str, strict: int, loose: int):
    """Shares and counts say how many of the two instructions are followed; a prompt needs both."""
    assert scores(text) == {
        "prompt_strict": float(strict == 2),
        "instruction_strict": strict / 2,
        "prompt_loose": float(loose == 2),
        "instruction_loose": loose / 2,
        "followed_strict": strict,
        "followed_loose": loose,
        "instructions": 2,
    }


def test_every_metric_is_scored():
    """The scores have the names of the metrics, in their order."""
    assert list(scores("x")) == [metric.name for metric in METRICS]


def test_stored_examples_score_alike():
    """An example read back from its record, without any data, gives the same scores."""
    case = Case("ifeval", "chat", "original", "test")
    stored = read_example(json.loads(json.dumps(example_line(case, example(ROW)))))
    assert stored == example(ROW)
    assert score(stored, Answer("Waves, waves")) == scores("Waves, waves")


def test_an_unknown_instruction_is_an_error():
    """A row with an instruction that is not IFEval's is refused before any model runs."""
    with pytest.raises(TaskError, match="keywords:colour"):
        example(ROW | {"instruction_id_list": ["keywords:colour"], "kwargs": [{}]})


@pytest.mark.parametrize("row", [{"prompt": "x"}, ROW | {"kwargs": []}, [1], ROW | {"kwargs": [None, None]}])
def test_a_file_of_another_kind_is_an_error(tmp_path: Path, row: object):
    """Rows that are not IFEval's are refused with the file's name."""
    data = written(tmp_path, row)
    with pytest.raises(TaskError, match="is not IFEval's data"):
        [made for split in SPLITS for made in examples(data, split, "original")]


def test_a_missing_file_is_an_error(tmp_path: Path):
    """The error says where the authors publish the data."""
    with pytest.raises(MissingError, match="google-research"):
        next(examples(Data(tmp_path), "test", "original"))


def test_other_wordings_are_refused(tmp_path: Path):
    """The prompts are the data's own; there are no variants."""
    with pytest.raises(TaskError, match="shortened"):
        next(examples(written(tmp_path, ROW), "test", "shortened"))


def test_the_splits_share_out_the_rows(tmp_path: Path):
    """Every row is in one split, in an order that does not change."""
    data = written(tmp_path, *(ROW | {"key": key} for key in range(50)))
    ids = [[made.id for made in examples(data, split, "original")] for split in SPLITS]
    assert sorted(int(one) for split in ids for one in split) == list(range(50))
    assert ids == [[made.id for made in examples(data, split, "original")] for split in SPLITS]


def test_the_published_data_are_read_whole(data: Data):
    """All 541 prompts and 834 instructions of 25 kinds are read; the rule finds those of 540 prompts."""
    made = [one for split in SPLITS for one in TASKS[0].examples(data, split, "original")]
    kinds = [item["kind"] for one in made for item in one.info["instructions"]]
    assert (len(made), len({one.id for one in made}), len(kinds)) == (541, 541, 834)
    assert set(kinds) == set(CHECKS)
    assert [one.id for one in made if not one.info["located"]] == ["1857"]
    assert sum(bool(one.other) for one in made) == 532


def test_loose_is_never_below_strict(data: Data):
    """On the published prompts, answered by themselves, loose counts at least what strict counts."""
    made = [one for split in SPLITS for one in examples(data, split, "original")]
    for one in made[:20]:
        told = score(one, Answer(one.prompt.text))
        assert told["followed_strict"] <= told["followed_loose"] <= told["instructions"]
