from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.metrics.json_answers import has_keys, holds_object, names_title, only_object, states


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("{}", True),
        ('Sure: {"a": 1} bye', True),
        ('{ { "a": 1 }', True),
        ("{'a': 1}", False),
        ('{"a": 1', False),
        ("[1, 2]", False),
        ("}{", False),
        ("", False),
    ],
)
def test_format_is_as_published(text: str, holds: bool):
    """Any parsing substring from a brace to a brace will do, the empty object included; lists and single quotes not."""
    assert holds_object(text) is holds


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('{"occupation": "Italian SWIMMER"}', True),
        ('{"name": "the swimmer"}', True),
        ('{"a": {"occupation": "swimmer"}}', True),
        ('{"occupation": ["swimmer"]}', False),
        ('{"swimmer": "x"}', False),
        ("swimmer {}", False),
        ('{"occupation": 1}', False),
    ],
)
def test_prediction_is_as_published(text: str, right: bool):
    """A string value of a parsed object contains the title in any case; keys, lists and words outside do not count."""
    assert names_title(text, ["Swimmer"]) is right


def test_any_right_title_will_do():
    """With several right titles one is enough."""
    assert names_title('{"o": "poet"}', ["writer", "poet"])
    assert not names_title('{"o": "poet"}', ["writer"])


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"name": "A"}\n```',
        'Sure: {"name": "A"}',
        '{"name": "A"} Done.',
        '{"name": "A", "name": "B"}',
        '{"name": NaN}',
        '[{"name": "A"}]',
        '{"name": "A"',
        "",
        "[" * 100_000,
    ],
)
def test_only_an_object_is_strict(text: str):
    """A fence, words around, a key twice, NaN, a list, an open brace and nothing at all are no single object."""
    assert only_object(text) is None


def test_space_around_an_object_is_allowed():
    """Space before and after the object does not matter."""
    assert only_object(' \n{"name": "A"}\n') == {"name": "A"}


def test_keys_are_exactly_those_asked():
    """More or fewer keys than asked are wrong; where none is asked, the object must not be empty."""
    assert has_keys({"name": 1, "occupation": 2}, ("occupation", "name"))
    assert not has_keys({"name": 1}, ("occupation", "name"))
    assert not has_keys({"name": 1, "occupation": 2, "age": 3}, ("occupation", "name"))
    assert has_keys({"job": 1}, ())
    assert not has_keys({}, ())
    assert not has_keys(None, ())


def test_stating_takes_whole_words():
    """All the words must be there, whole, in any order and case, in a string."""
    assert states("Evans Russ Mensah", "evans mensah")
    assert not states("a factory", "actor")
    assert not states("Evans", "Evans Mensah")
    assert not states(["actor"], "actor")


@given(st.text(alphabet='{}":,a1[] \\', max_size=14))
def test_every_substring_is_tried(text: str):
    """Parsing once from every opening brace finds what trying every substring from a ``{`` to a ``}`` finds."""
    tried = False
    for start, end in ((i, j) for i, a in enumerate(text) for j, b in enumerate(text) if a == "{" and b == "}"):
        with suppress(ValueError):
            json.loads(text[start : end + 1])
            tried = True
    assert holds_object(text) is tried


def test_nested_braces_take_no_time():
    """A thousand braces are judged in well under a second."""
    start = time.perf_counter()
    assert not names_title("{" * 1000 + "}" * 1000, ["x"]) and holds_object("{" * 1000 + "}" * 1000)
    assert time.perf_counter() - start < 1
