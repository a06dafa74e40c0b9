from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.metrics.pronoun_tokens import PRONOUNS, pronoun_tokens
from boldface.tasks.biographies import WIKIBIOS
from boldface.tasks.data import Data

PIECES = [
    *PRONOUNS,
    "they",
    "hell",
    "He",
    "SHE",
    "a",
    "é",
    "5",
    " ",
    "\n",
    ".",
    "..",
    "…",
    ",",
    ";",
    ":",
    "!",
    "?",
    "'",
]
PIECES += [
    "’",
    '"',
    "“",
    "”",
    "`",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "-",
    "--",
    "–",
    "—",
    "~",
    "/",
    "=",
    "+",
    "*",
    "_",
    "#",
]
PIECES += ["%", "$", "&", "@", "|", "\\", "<", ">", "s", "d", "ll", "ve", "☺", "x.org", "http://"]


@cache
def spacy_english() -> Any:
    """spaCy's English tokeniser; needs no model."""
    return pytest.importorskip("spacy", reason="spaCy is not installed").blank("en").tokenizer


def by_spacy(text: str) -> list[str]:
    return [token.text for token in spacy_english()(text.lower()) if token.text in PRONOUNS]


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_pronouns_are_those_of_spacy(text: str):
    """On any string of pronouns, contractions, marks and addresses the rule finds what spaCy finds."""
    assert pronoun_tokens(text) == by_spacy(text)


def test_pronouns_of_real_biographies_are_those_of_spacy(data: Data):
    """On 400 real biographies the rule finds what spaCy finds, some 1000 pronouns."""
    texts = [bio.context for bio in WIKIBIOS.read(data)[:400]]
    found = [pronoun_tokens(text) for text in texts]
    assert found == [by_spacy(text) for text in texts]
    assert sum(map(len, found)) > 1000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("He's here; she'd (hers) gone.", ["he", "she", "hers"]),
        ("he/she, *him*, “her”", ["he", "she", "him", "her"]),
        ("The shell of the theory: them, this, heroes", []),
        ("he+ she|x x.org/he", []),
        ("", []),
    ],
)
def test_pronouns_are_whole_words(text: str, found: list[str]):
    """Contractions, slashes and marks are cut off; longer words and addresses hold no pronoun."""
    assert pronoun_tokens(text) == found
