"""Blocks: where bold has to end, and what is fenced code."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.emphasis.blocks import blocks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\ntwo", ["one\ntwo"]),
        ("one\n \t\ntwo", ["one\n", "two"]),
        ("one\r\n\r\ntwo\rthree", ["one\r\n", "two\rthree"]),
        ("- one\n  more\n- two\n3. three", ["- one\n  more\n", "- two\n", "3. three"]),
        ("# head\ntext", ["# head\n", "text"]),
        ("head\n===\ntext", ["head\n", "===\n", "text"]),
        ("one\n***\ntwo", ["one\n", "***\n", "two"]),
        ("one\n> two\n> three\n>\n> four", ["one\n", "> two\n> three\n", "> four"]),
        ("one\n```py\ncode\n```\ntwo", ["one\n", "two"]),
        ("```\n~~~\n``\n````\ntwo", ["two"]),
        ("~~~ a`b\ncode", []),
        ("``` a`b\ntwo", ["``` a`b\ntwo"]),
        ("> ```\n> code\ntwo", ["two"]),
        ("- ```\n  code\n  ```\n- two", ["- two"]),
        ("    indented\n    as a whole", ["    indented\n    as a whole"]),
        ("", []),
    ],
)
def test_blocks_are_paragraphs_items_and_headings(text: str, expected: list[str]) -> None:
    """A block ends at a blank line, a list item, a heading, a rule, a quote or a fence."""
    assert [text[start:end] for start, end in blocks(text)] == expected


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", " ", "\n", "\r\n", "> ", "- ", "```", "~~~", "# ", "---"])).map("".join))
def test_blocks_are_disjoint_and_lose_no_prose(text: str) -> None:
    """Blocks are in order and disjoint; without a fence every line that holds more than quote signs is in one."""
    found = blocks(text)
    assert all(left[1] <= right[0] for left, right in pairwise(found))
    if "```" not in text and "~~~" not in text:
        assert "".join(text[start:end] for start, end in found).count("a") == text.count("a")
