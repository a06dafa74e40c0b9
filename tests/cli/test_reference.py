"""docs/cli.md says what the command line says."""

from __future__ import annotations

from pathlib import Path

from boldface.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_up_to_date():
    """The page is what ``python -m boldface.cli.reference docs/cli.md`` would write."""
    assert PAGE.read_text("utf-8") == reference()


def test_every_option_is_on_the_page():
    """Every option of ``generate`` is named, with what it takes."""
    page = reference()
    for option in (
        "--span` `START:END[:STRENGTH]",
        "--emphasise`, `--emphasize`, `-e` `WORDS",
        "--scope` `all\\|answer",
    ):
        assert option in page
    assert "--svg" not in page
