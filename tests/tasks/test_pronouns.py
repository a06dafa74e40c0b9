from __future__ import annotations

import json

import pytest

from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Generate
from boldface.tasks.pronouns import INSTRUCTIONS, TASKS, score, with_they

WIKI, _ = TASKS


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (
            "He was here. She's his, he has her hat; it was hers.",
            "They were here. They're their, they have their hat; it was theirs.",
        ),
        ("She saw him, and he her.", "They saw them, and they them."),
        ("The shell; HE himself", "The shell; They themselves"),
    ],
)
def test_targets_are_plain_english(text: str, changed: str):
    """Forms and the verbs beside them agree; words that only hold a pronoun stay."""
    assert with_they(text) == changed


def test_wordings_are_those_of_the_published_templates(data: Data):
    """The wordings equal the stored copy of PASTA's templates 0, 2 and 1."""
    assert data.folder is not None
    path = data.folder / "pasta_prompts" / "pasta_prompts.json"
    templates = json.loads(path.read_text("utf-8"))["templates"]["pronchange"]
    assert list(INSTRUCTIONS.values()) == [templates[place] for place in (0, 2, 1)]


def test_real_examples_are_well_made(data: Data):
    """The span is the last line; the target scores full, a copy and an empty answer do not where it matters."""
    for variant in WIKI.variants:
        found = list(WIKI.examples(data, "test", variant))
        assert len(found) > 200
        for one in found:
            context, text, [asked] = one.info["context"], one.prompt.text, one.prompt.spans
            assert text == f"{context}\n{text[asked.start : asked.end]}\n"
            assert set(score(one, Answer(one.target or "")).values()) == {1.0}
            assert score(one, Answer(context)) | {"all": 0} == {"sub": 0, "all": 0, "changed": 0, "kept": 1, "seka": 0}
            assert score(one, Answer("")) == {"sub": 1, "all": 1, "changed": 0, "kept": 0, "seka": 0}


def test_the_budget_of_sentences_leaves_room_for_the_occupation(data: Data):
    """The whole text, and one sentence more, may be written before the answer is cut."""
    for one in WIKI.examples(data, "validation", "original"):
        assert isinstance(one.question, Generate)
        assert one.question.sentences > one.info["context"].count(". ")
