"""When an answer is complete."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.evaluation.complete import complete_at
from boldface.tasks.example import Generate

JSON = Generate(10, "json")
VALUES = st.recursive(st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner))


@given(st.dictionaries(st.text(), VALUES, min_size=1), st.text(alphabet="ab }\n"), st.text())
def test_json_ends_where_its_object_ends(value, before, after):
    """Whatever strings hold and whatever follows, the first object is cut at its own brace."""
    written = before + json.dumps(value)
    assert complete_at(written + after, JSON) == len(written)
    assert all(complete_at(written[:end], JSON) is None for end in range(0, len(written), 1 + len(written) // 9))


def test_echoes_are_passed_over():
    """Braces that hold no JSON, or nothing, do not end an answer; the object behind them does."""
    text = """\\{'name': , 'occupation': ,\\} {} {"name": "Ann"}"""
    assert complete_at(text + " and on", JSON) == len(text)
    assert complete_at(text[:-1], JSON) is None


@pytest.mark.parametrize(
    ("text", "until", "expected"),
    [
        ("\n Paris\nmore", "line", 7),
        ("Paris", "line", None),
        ("\n\n", "line", None),
        ("One. Two! Three", "sentences", 9),
        ("One. Two!", "sentences", None),
        ('He said "no." Then left. ', "sentences", 24),
        ("anything. at. all.", "end", None),
        ("} {", "json", None),
    ],
)
def test_lines_and_sentences(text, until, expected):
    """A line ends behind text, a sentence when white space follows its end."""
    assert complete_at(text, Generate(10, until, sentences=2)) == expected
