from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.metrics.formats import FORMATS, first_block

PIECES = [
    "- ",
    "* ",
    "1. ",
    "2) ",
    "\n",
    " ",
    "\n\n",
    "{",
    "}",
    '"a": 1',
    "<b>",
    "</b>",
    "JANE",
    "IS",
    "A",
    "poet",
    "é",
    "9",
    ".",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"name": "Jane", "occupation": "poet"}', "json"),
        ('{\n  "A": "B"\n}', "json"),
        ('["Jane", "poet"]', None),
        ('{"name": "Jane"} and more', None),
        ("- Jane\n- poet", "bullets"),
        ("• JANE IS A POET", "bullets"),
        ("- Jane\nand a poet", None),
        ("1. Jane\n2. poet", "numbered"),
        ("1) POET", "numbered"),
        ("1.5 million people", None),
        ("<name>Jane</name>\n<occupation>poet</occupation>", "xml"),
        ("<NAME>JANE</NAME>", "xml"),
        ("<name>Jane", None),
        ("poet", "words"),
        ("POET", "words"),
        ("American football player", "words"),
        ("a poet\nand", None),
        ("JANE IS A POET.", "capitals"),
        ("JANE IS A POeT.", None),
        ("Jane is a poet.", None),
        ("", None),
    ],
)
def test_formats(text: str, expected: str | None):
    """Each format is told by its shape, and what has none of them is told so."""
    assert [name for name, obeys in FORMATS.items() if obeys(text)] == ([expected] if expected else [])


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=8).map("".join)))
def test_no_text_has_two_formats(text: str):
    """The formats exclude each other, before and after the first block is cut out."""
    for part in (text, first_block(text)):
        assert sum(obeys(part) for obeys in FORMATS.values()) <= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("poet\n\nShe was born", "poet"),
        ("poet\n \nShe was born", "poet"),
        ("poet\n###\nAnother", "poet"),
        ("\n- a\n- b\n", "- a\n- b"),
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('```\n{"a": 1}', '{"a": 1}'),
        ("", ""),
    ],
)
def test_first_block(text: str, expected: str):
    """What follows a blank line or ``###`` is not the answer, and a code fence is not part of it."""
    assert first_block(text) == expected
