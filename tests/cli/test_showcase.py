"""The demo's judges see what is there, and nothing else."""

from __future__ import annotations

import pytest

from boldface.cli.prompt import is_emphasised
from boldface.cli.showcase import SHOWCASES, is_json, says
from boldface.emphasis.markup import parse
from boldface.engine.catalogue import EMBEDDED


@pytest.mark.parametrize(
    ("answer", "follows"),
    [
        ('{"name": "Mary", "occupation": "nurse"}', True),
        (' {"occupation": "nurse",\n "name": "Mary"}\n', True),
        ('```json\n{"name": "Mary", "occupation": "nurse"}\n```', False),
        ('{"name": "Mary", "occupation": "nurse"} I hope this helps!', False),
        ('{"name": "Mary"}', False),
        ('{"name": "Mary", "occupation": "nurse", "place": "Ohio"}', False),
        ('{"name": "Mary", "occupation": {"title": "nurse"}}', False),
        ('{"name": "Mary", "occupation": "nurse", "occupation": "nurse"}', False),
        ('{"name": "Mary", "occupation": ""}', False),
        ('["name", "occupation"]', False),
        ("Mary is a nurse.", False),
        ("", False),
    ],
)
def test_json_is_judged_as_a_whole(answer, follows):
    """Only an answer that is one JSON object with just the asked keys, each once, and words as values follows."""
    assert is_json("name", "occupation")(answer).follows is follows


@pytest.mark.parametrize(
    ("answer", "follows", "seen"),
    [
        ("It is made by Nokia.", True, "says Nokia"),
        ("Nokia, formerly Apple.", True, "says Nokia"),
        ("By Apple, not Nokia.", False, "says Apple"),
        ("By Sony.", False, "says neither Nokia nor Apple"),
        ("Applesauce", False, "says neither Nokia nor Apple"),
    ],
)
def test_the_first_word_counts(answer, follows, seen):
    """Of two words, the one that is said first is the answer."""
    assert says("Nokia", "Apple")(answer) == (follows, seen)


def test_every_embedded_model_has_prompts_with_emphasis():
    """There are prompts for every embedded model, each emphasised, and each with a judge."""
    assert set(SHOWCASES) == set(EMBEDDED)
    for case in (case for cases in SHOWCASES.values() for case in cases):
        assert is_emphasised(parse(case.prompt))
        assert case.judge is not None
