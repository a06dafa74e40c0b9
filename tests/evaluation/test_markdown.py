from __future__ import annotations

import pytest

pytest.importorskip("scipy", reason="scipy is of the evaluate extra")
pytest.importorskip("nltk", reason="nltk is of the evaluate extra")

from markdown_it import MarkdownIt

from boldface.evaluation.markdown import render_markdown

ARMS = {"plain": 10, "marked=*": 10, "marked=<mark>": 9, "marked=|": 9, "steered": 38, "other-span": 9}


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a Markdown text as rows of the cells' shown text."""
    found: list[list[list[str]]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.map and token.level > 3:
            found[-1][-1].append("".join(child.content for child in token.children))
    return found


def test_the_table_reads_back(measured):
    """Every arm is a row of the Markdown table under its title, whatever marks stand in it, and numbers have errors."""
    table = tables(render_markdown(measured(ARMS)))[0]
    assert {len(row) for row in table} == {9}
    titles = [row[0] for row in table[1:]]
    assert titles == ["plain", "marked *", "marked <mark>", "marked |", "steered", "other span"]
    assert table[0][1] == "JSON F. %" and table[0][-1] == "Average %"
    assert table[1][1] == "25.0 ± 6.9"
    assert table[5][1] == "95.0 ± 3.5 ▲"


def test_columns_are_aligned(measured):
    """The table can be read as it stands: its lines are of one length."""
    lines = [line for line in render_markdown(measured(ARMS)).splitlines() if line.startswith("|")]
    table = lines[: len(ARMS) + 2]
    assert len({len(line) for line in table}) == 1


def test_placebos_are_slanted_and_the_best_is_bold(measured):
    """Placebos stand in italics, the best of a column in bold."""
    text = render_markdown(measured(ARMS))
    assert "| *other span*" in text
    assert "**95.0 ± 3.5** ▲" in text


def test_the_command_and_the_findings_stand_below(measured):
    """The command is given in a block, and the findings as a list."""
    text = render_markdown(measured(ARMS))
    assert text.rstrip().endswith("```sh\nboldface evaluate --arms 'marked=*'\n```")
    assert "- Marked prompts: " in text
    assert "- steered: reads the emphasis (other span): yes. " in text


def test_what_is_missing_is_told(measured):
    """A task that was not run gives n/a and the reason."""
    text = render_markdown(measured(ARMS, tasks=("json",)))
    assert "n/a: not run: The pronouns task, The wikibios task, The counterfact task." in text
