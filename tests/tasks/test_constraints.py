from __future__ import annotations

import pytest

from boldface.tasks.constraint_signs import hide_quotations, statement
from boldface.tasks.constraints import locate, rest, sentences

NO_COMMA = ("punctuation:no_comma", {})
WORDS = ("length_constraints:number_words", {"num_words": 300, "relation": "at least"})
END = ("startend:end_checker", {"end_phrase": "So be it."})


def said(prompt: str, *instructions: tuple[str, dict[str, object]]) -> list[str]:
    return [prompt[start:end] for start, end in locate(prompt, instructions)]


def other(prompt: str, *instructions: tuple[str, dict[str, object]]) -> str | None:
    stretch = rest(prompt, locate(prompt, instructions))
    return None if stretch is None else prompt[slice(*stretch)]


@pytest.mark.parametrize(
    ("prompt", "clauses"),
    [
        ("Write a poem. Do not use any commas.", ["Do not use any commas."]),
        ("Write a poem without using any commas.", ["without using any commas."]),
        ("Write a poem, but do not use commas. Be kind.", ["do not use commas."]),
        ("Your reply should rhyme and should not contain any commas.", ["should not contain any commas."]),
        ("Write a poem.\nNo commas\nBe kind.", ["No commas"]),
        ("Commas are nice. Yes.", ["Commas are nice."]),
    ],
)
def test_the_clause_that_states_a_constraint_is_found(prompt: str, clauses: list[str]):
    """A sentence about the answer is taken whole, one that asks for something else in part; negations are kept."""
    assert said(prompt, NO_COMMA) == clauses


def test_a_number_inside_a_request_is_found_alone():
    """``Write a 300-word story about the sea`` states its number before the topic."""
    assert said("Write a 300-word story about the sea.", WORDS) == ["Write a 300-word story"]
    assert said("Write a story with at least 300 words about the sea.", WORDS) == ["with at least 300 words"]


def test_neighbours_are_one_stretch():
    """Constraints in adjacent sentences make one span, two kinds in one sentence too."""
    prompt = "Write a story. Use no commas. Use at least 300 words and no commas."
    assert said(prompt, NO_COMMA, WORDS) == ["Use no commas. Use at least 300 words and no commas."]


def test_the_words_of_the_row_are_needed_where_the_pattern_says_little():
    """``not`` alone states no forbidden word."""
    forbidden = ("keywords:forbidden_words", {"forbidden_words": ["rain"]})
    assert said("Do not worry. Write about rain. Do not say rain.", forbidden) == ["Do not say rain."]


def test_a_phrase_in_a_line_of_its_own_is_found():
    """The phrase an answer must end with may stand alone after a colon."""
    assert said("Write a song. Finish with:\n\nSo be it.\n\nThanks.", END) == ["Finish with:\n\nSo be it."]


def test_a_negation_in_a_quotation_forbids_nothing():
    """A quotation that says *no* and holds the word is no instruction."""
    forbidden = ("keywords:forbidden_words", {"forbidden_words": ["rain"]})
    assert said('Explain "There is no rain here." to me. Do not say rain.', forbidden) == ["Do not say rain."]


@pytest.mark.parametrize("text", ['""', '"a"', '"Who? Me." Yes', "“x”", "none"])
def test_hiding_quotations_keeps_the_length(text: str):
    """Offsets into the hidden text are offsets into the text."""
    assert len(hide_quotations(text)) == len(text)


def test_quotations_are_not_cut():
    """A full stop or a comma inside quotation marks ends nothing."""
    assert (
        said('Explain "Go. Now, and use no comma. Stop." to me. Be kind. Use no comma.', NO_COMMA)[-1]
        == "Use no comma."
    )
    assert [*sentences('Say "A. B." Then stop.')] == [(0, 11), (12, 22)]


def test_abbreviations_end_no_sentence():
    """``i.e.`` and ``Mr.`` are followed by capitals."""
    assert len([*sentences("Add a title, i.e. <<A>>, for Mr. Bell e.g. Tom. Go.")]) == 2


def test_asterisks_are_text():
    """Markup in a prompt is part of the prompt."""
    prompt = "Write two parts. Separate them with ***, please."
    assert said(prompt, ("length_constraints:number_paragraphs", {"num_paragraphs": 2})) == [
        "Write two parts. Separate them with ***, please."
    ]


def test_settings_are_text_and_no_pattern():
    """A letter such as ``*`` does not break the pattern."""
    letter = {"letter": "*", "let_frequency": 2, "let_relation": "at least"}
    assert statement("Use the hashtags well", "letter_frequency", letter) == (8, 16)


def test_nothing_is_guessed():
    """Where no sentence states the instruction, nothing is returned."""
    assert locate("Tell me about the sea.", [NO_COMMA]) == []


def test_the_rival_is_the_free_sentence_nearest_in_length():
    """Of the sentences without a constraint that whose length is closest to the emphasised ones'."""
    prompt = "I know you can. Tell me what you think about the deep blue sea. Do not use commas."
    assert other(prompt, NO_COMMA) == "I know you can."


def test_the_rival_may_be_a_part_of_a_sentence():
    """A prompt of one sentence lends its free part; fewer than three words are none."""
    assert other("Write a poem about the sea without using any commas.", NO_COMMA) == "Write a poem about the sea"
    assert other("Write two lines, without using any commas, about the deep sea.", NO_COMMA) == "Write two lines"
    assert other("Use no commas.", NO_COMMA) is None
