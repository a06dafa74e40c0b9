from __future__ import annotations

import pytest

from boldface.metrics.instructions.formats import (
    json_format,
    multiple_sections,
    number_bullet_lists,
    number_highlighted_sections,
    postscript,
)


@pytest.mark.parametrize(("marker", "text"), [("P.S.", "p. s. x"), ("P.P.S", "P. P. S x"), ("PS:", "ps: x")])
def test_a_postscript_may_have_spaces_and_any_case(marker: str, text: str):
    """Markers match in any case; the two published ones with a space after each full stop."""
    assert postscript(text, postscript_marker=marker)


def test_one_postscript_is_not_the_other():
    """``P.S.`` does not answer ``P.P.S``."""
    assert not postscript("P.S. x", postscript_marker="P.P.S")


@pytest.mark.parametrize("line", ["* a", "- a", "  * a", "*a", "---"])
def test_what_counts_as_a_bullet(line: str):
    """A line that begins with a star or a dash is a bullet, a rule of dashes too, as published."""
    assert number_bullet_lists(f"x\n{line}\ny", num_bullets=1)


def test_bold_at_the_start_of_a_line_is_no_bullet():
    """A line that begins with two stars is no bullet."""
    assert number_bullet_lists("**a**", num_bullets=0)


@pytest.mark.parametrize(("text", "count"), [("*a*", 1), ("**a**", 1), ("*a* b *c*", 2), ("*a\nb*", 0), ("**", 0)])
def test_what_counts_as_highlighted(text: str, count: int):
    """A highlight is not empty and ends in its line."""
    assert number_highlighted_sections(text, num_highlights=count)
    assert not number_highlighted_sections(text, num_highlights=count + 1)


@pytest.mark.parametrize(
    ("text", "right"), [("null", True), ("```{}```", True), ("{'a': 1}", False), ("[" * 10**5, False)]
)
def test_json_is_any_json(text: str, right: bool):
    """Any JSON value counts; JSON nested without end is no JSON, and no crash."""
    assert json_format(text) is right


def test_a_section_needs_its_number():
    """The word alone begins no section."""
    assert not multiple_sections("Day\nDay X", num_sections=1, section_spliter="Day")
