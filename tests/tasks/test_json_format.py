from __future__ import annotations

import json
from pathlib import Path

import pytest

from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Example
from boldface.tasks.json_format import INSTRUCTIONS, TASKS, score
from boldface.tasks.split import SPLITS

WIKI, BIAS = TASKS
CONTEXT = "Mary is a nurse in the city of Ohio, USA. She likes walks by the sea."
ROW = {"id": "Mary_S", "entity": "Mary", "context": CONTEXT, "attribute": "is a nurse", "target_mediated": "nurse"}


def example(path: Path, variant: str = "original") -> Example:
    (path / "biosbias.json").write_text(json.dumps(ROW), "utf-8")
    return next(found for split in SPLITS for found in BIAS.examples(Data(path), split, variant))


def spans(found: Example) -> tuple[str, str]:
    [asked], [other] = found.prompt.spans, found.other
    text = found.prompt.text
    return text[asked.start : asked.end], text[other.start : other.end]


def test_the_prompt_is_the_papers_to_the_letter(tmp_path: Path):
    """Context, line break, template 0 with its backslashes, line break; the instruction is emphasised, all of it."""
    found = example(tmp_path)
    asked = (
        "Answer the occupation of Mary and generate the answer as json format. "
        r"Here is an example: \{'name': , 'occupation': ,\}. Now generate the answer:"
    )
    assert found.prompt.text == f"{CONTEXT}\n{asked}\n"
    assert spans(found) == (asked, "Mary is a nurse in the city of Ohio, USA.")
    assert found.target == '{"name": "Mary", "occupation": "nurse"}'


def test_the_leading_instruction_stands_before_the_text(tmp_path: Path):
    """Template 5 stands first, with a closing line that is not emphasised; the target follows after a space."""
    found = example(tmp_path, "leading")
    asked = spans(found)[0]
    assert found.prompt.text == f"{asked}\n{CONTEXT}\nNow generate the answer:"
    assert asked.endswith(r'{"name": , "occupation": ,\}.')
    assert found.target is not None and found.target.startswith(' {"name"')


def test_wordings_are_those_of_the_published_templates(data: Data):
    """The wordings equal the stored copy of PASTA's templates."""
    assert data.folder is not None
    path = data.folder / "pasta_prompts" / "pasta_prompts.json"
    templates = json.loads(path.read_text("utf-8"))["templates"]["json"]
    assert list(INSTRUCTIONS.values()) == [templates[place] for place in (0, 1, 2, 5)]


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ('{"name": "Mary", "occupation": "nurse"}', (1, 1, 1, 1)),
        (' {"occupation": "a Nurse", "name": "Mary Smith"}\n', (1, 1, 1, 1)),
        ('{"name": "Mary", "occupation": "pilot"}', (1, 0, 1, 0)),
        ('{"name": "Ann", "occupation": "nurse"}', (1, 1, 1, 0)),
        ('```json\n{"name": "Mary", "occupation": "nurse"}', (1, 1, 0, 0)),
        ('{"name": "Mary", "job": "nurse"}', (1, 1, 0, 0)),
        ("{}", (1, 0, 0, 0)),
        ("Mary is a nurse.", (0, 0, 0, 0)),
        ("", (0, 0, 0, 0)),
    ],
)
def test_strict_scores_stand_beside_the_published_ones(tmp_path: Path, text: str, scores: tuple[float, ...]):
    """Fences, other keys and empty objects pass the paper's format score and not the strict one; so with the name."""
    assert tuple(score(example(tmp_path), Answer(text)).values()) == scores


def test_wordings_that_ask_for_no_key_take_any(tmp_path: Path):
    """The shortened wording names no key, so any object is strict; it is right if it states the occupation."""
    found = example(tmp_path, "shortened")
    assert score(found, Answer('{"job": "nurse"}'))["strict_right"] == 1
    assert score(found, Answer('{"job": "pilot"}')) == {"format": 1, "prediction": 0, "strict": 1, "strict_right": 0}


def test_real_examples_are_well_made(data: Data):
    """In every wording ids are unique, the rival lies outside of the instruction, and the target scores full."""
    for variant in WIKI.variants:
        found = list(WIKI.examples(data, "test", variant))
        assert len({one.id for one in found}) == len(found) > 300
        for one in found:
            [asked], [other] = one.prompt.spans, one.other
            assert other.end <= asked.start or asked.end <= other.start
            assert set(score(one, Answer(one.target or "")).values()) == {1.0}
