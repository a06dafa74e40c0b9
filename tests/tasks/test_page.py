from __future__ import annotations

import pytest

from boldface.errors import SpanError
from boldface.tasks.page import Page


def test_a_page_knows_where_its_pieces_stand():
    """Every span holds its piece, also where the same words stand twice."""
    page = Page()
    pieces = ["one ", "two", " one ", "two"]
    spans = [page.write(piece) for piece in pieces]
    assert page.text == "one two one two"
    assert [page.text[span.start : span.end] for span in spans] == pieces


def test_an_empty_piece_is_refused():
    """Nothing stands nowhere."""
    with pytest.raises(SpanError):
        Page().write("")
