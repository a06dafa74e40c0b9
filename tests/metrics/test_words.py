from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.metrics.words import content_words, sentences, word_tokens


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("He ran. She won!", ["He ran.", "She won!"]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("J. R. R. Tolkien wrote it. It sold.", ["J. R. R. Tolkien wrote it.", "It sold."]),
        ("Dr. Who met St. John at 5 p.m. and left.", ["Dr. Who met St. John at 5 p.m. and left."]),
        ("He lived in the U.S. He died there.", ["He lived in the U.S.", "He died there."]),
        ("Born c. 1950 in Rome (f. 1899). Dead.", ["Born c. 1950 in Rome (f. 1899).", "Dead."]),
        ("He said no. Then No. 5 came.", ["He said no.", "Then No. 5 came."]),
        ("It costs 3.50 today", ["It costs 3.50 today"]),
        ("Wait... what? (Yes.) 7 came.", ["Wait... what?", "(Yes.)", "7 came."]),
        ("  ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, cut: list[str]):
    """Abbreviations, initials and numbers do not end a sentence; closing quotes belong to it."""
    assert sentences(text) == cut


@given(st.text(alphabet="ab.!? \n\"'(A1", max_size=60))
def test_sentences_lose_nothing_but_space(text: str):
    """The sentences, joined, are the text, space apart, and none is empty."""
    found = sentences(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(found)


def test_words_are_those_of_nltk():
    """Contractions and marks are cut as by nltk's word_tokenize, the full stop of every sentence too."""
    text = "She can't go. He's \"here\", isn't he?"
    words = ["She", "ca", "n't", "go", ".", "He", "'s", "``", "here", "''", ",", "is", "n't", "he", "?"]
    assert word_tokens(text) == words


def test_words_of_a_long_text_are_found_fast():
    """A thousand sentences take less than two seconds."""
    word_tokens("Ready.")
    start = time.perf_counter()
    assert len(word_tokens("The quick brown fox was here. " * 1000)) == 7000
    assert time.perf_counter() - start < 2


def test_content_words_leave_out_function_words():
    """Pronouns, articles, prepositions and auxiliaries are no content; numbers are."""
    assert content_words("She was born in Rome on 7 June, and they have won it.") == [
        "born",
        "rome",
        "7",
        "june",
        "won",
    ]
