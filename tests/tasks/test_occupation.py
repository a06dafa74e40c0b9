from __future__ import annotations

import json
from pathlib import Path

import pytest

from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Choose, Example
from boldface.tasks.occupation import TASKS, score
from boldface.tasks.split import SPLITS

WIKI, BIAS = TASKS
ROW = {
    "id": "Mary_S",
    "entity": "Mary",
    "context": "Mary is a nurse in Ohio. She likes walks by the sea...",
    "attribute": "is a nurse in Ohio",
    "target_mediated": "nurse",
}
TITLES = ("actor", "nurse", "painter", "pilot", "poet")


def example(path: Path) -> Example:
    rows = [ROW | {"id": title, "target_mediated": title} for title in TITLES]
    (path / "biosbias.json").write_text(json.dumps(rows), "utf-8")
    found = [one for split in SPLITS for one in BIAS.examples(Data(path), split, "original")]
    return next(one for one in found if one.id == "nurse")


def test_the_prompt_is_the_papers_to_the_letter(tmp_path: Path):
    """The biography without its last stops, one full stop, an empty line, and the words to go on with."""
    found = example(tmp_path)
    start = "Mary is a nurse in Ohio. She likes walks by the sea.\n\n"
    [asked], [other] = found.prompt.spans, found.other
    assert found.prompt.text == f"{start}Mary has the occupation of"
    assert found.answer_start == len(start)
    assert found.prompt.text[asked.start : asked.end] == "is a nurse in Ohio"
    assert found.prompt.text[other.start : other.end] == "She likes walks by the sea"
    assert found.target == " nurse"
    assert found.question == Choose(TITLES)


@pytest.mark.parametrize(
    ("logprobs", "scores"),
    [
        ((-3.0, -1.0, -2.0, -4.0, -5.0), (1, 1)),
        ((-1.0, -3.0, -2.0, -4.0, -5.0), (0, 1)),
        ((-1.0, -4.0, -2.0, -3.0, -5.0), (0, 0)),
        ((-1.0, -3.0, -1.0, -1.0, -2.0), (0, 1)),
        ((-1.0, -1.0, -2.0, -3.0, -4.0), (1, 1)),
    ],
)
def test_titles_that_share_a_first_token_count_as_one(tmp_path: Path, logprobs: tuple[float, ...], scores: object):
    """The second title is right; equal probabilities are one token, so a tie with it is right and takes one place."""
    assert tuple(score(example(tmp_path), Answer(logprobs=logprobs)).values()) == scores


def test_any_occupation_of_the_row_is_right(data: Data):
    """Where wikibios names several occupations, each of them, alone on top, is right, and no other is."""
    one = next(one for one in WIKI.examples(data, "test", "original") if len(one.info["occupations"]) > 1)
    assert isinstance(one.question, Choose)
    for title in one.question.candidates:
        logprobs = tuple(0.0 if candidate == title else -1.0 for candidate in one.question.candidates)
        assert score(one, Answer(logprobs=logprobs))["top1"] == (title in one.info["occupations"])


def test_real_examples_are_well_made(data: Data):
    """Span and rival lie apart and before the words to go on with; target and right titles are candidates."""
    found = list(WIKI.examples(data, "test", "original"))
    assert len(found) == 410
    for one in found:
        assert isinstance(one.question, Choose) and len(one.question.candidates) == 115
        assert one.target is not None and one.target[1:] in one.question.candidates
        assert one.answer_start is not None and one.prompt.text[one.answer_start :].endswith("has the occupation of")
        [asked] = one.prompt.spans
        for other in one.other:
            assert asked.end <= other.start < other.end <= one.answer_start
