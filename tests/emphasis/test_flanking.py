"""CommonMark's pairing of asterisks, with markdown-it-py as the oracle."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from boldface.emphasis.flanking import Run, pair_bold

PARAGRAPH = MarkdownIt("commonmark").disable(
    ["newline", "escape", "backticks", "entity", "autolink", "html_inline", "link", "image"]
)

PIECES = ["*", "**", "**", "***", "****", " ", " ", "\n", "a", "b1", ".", "(", "é", "«", "—", "$", "\u00a0", "字"]


def bold_by_commonmark(text: str) -> list[tuple[str, bool]]:
    """Return every character but the asterisks of bold, and whether it is bold."""
    children = PARAGRAPH.parseInline(text)[0].children or []
    depth, found = 0, []
    for token in children:
        if token.type in ("strong_open", "strong_close"):
            depth += token.nesting
        else:
            written = token.markup if token.type in ("em_open", "em_close") else token.content
            found += [(char, depth > 0) for char in written]
    return found


def bold_by_pairs(text: str) -> list[tuple[str, bool]]:
    """Return the same from :func:`pair_bold`."""
    pairs = pair_bold([Run.read(text, *run.span()) for run in re.finditer(r"\*+", text)])
    gone = {offset + i for pair in pairs for offset in pair for i in (0, 1)}
    return [
        (char, any(opening < i < closing for opening, closing in pairs)) for i, char in enumerate(text) if i not in gone
    ]


@settings(deadline=None, max_examples=1000)
@given(st.lists(st.sampled_from(PIECES), max_size=24).map("".join))
@example("*foo **bar* baz**")
@example("****foo***bar*")
@example("f**k this s**t")
@example("foo***bar**baz*")
@example("a**b*c**d *e**f*g**h")
def test_pairs_are_those_of_commonmark(text: str) -> None:
    """A character is bold exactly where markdown-it-py makes it bold, for any asterisks in a paragraph."""
    assert bold_by_pairs(text) == bold_by_commonmark(text)


@pytest.mark.parametrize(
    ("text", "opens", "closes"),
    [
        ("a **b", True, False),
        ("a** b", False, True),
        ("a**b", True, True),
        ("a ** b", False, False),
        ('a**"b', False, True),
        ('a "**b', True, False),
        ("**", False, False),
        ("。**重", True, False),
    ],
)
def test_flanking_decides_what_a_run_may_do(text: str, opens: bool, closes: bool) -> None:
    """A run opens when it hugs what follows and closes when it hugs what precedes."""
    start = text.index("**")
    run = Run.read(text, start, start + 2)
    assert (run.opens, run.closes) == (opens, closes)


def test_pairing_is_linear_in_the_text() -> None:
    """Four thousand runs that cannot pair are each looked at a few times, not once for every other run."""
    count = 2_000
    openers = [Run(3 * i, 3 * i + 2, True, True, 2) for i in range(count)]
    closer = [Run(3 * (count + i), 3 * (count + i) + 1, True, True, 1) for i in range(count)]
    looked = 0

    class Counting(Run):
        def pairs_with(self, closer: Run) -> bool:
            nonlocal looked
            looked += 1
            return False

    counted = [Counting(run.start, run.end, run.opens, run.closes, run.length) for run in openers + closer]
    assert pair_bold(counted) == []
    assert looked <= 6 * 2 * count
