from __future__ import annotations

import pytest

from boldface.errors import TaskError
from boldface.metrics.instructions.checklist import CHECKS, follows, follows_loosely, loosened

# Of every kind: settings, an answer that follows, and one that nearly does.
CASES = {
    "change_case:capital_word_frequency": (
        {"capital_frequency": 2, "capital_relation": "at least"},
        "NASA is BIG.",
        "I.",
    ),
    "change_case:english_capital": (
        {},
        "I WENT TO THE MARKET THIS MORNING AND BOUGHT SOME BREAD.",
        "I WENT to the market this morning.",
    ),
    "change_case:english_lowercase": ({}, "the weather is very nice today.", "The weather is very nice today."),
    "combination:repeat_prompt": ({"prompt_to_repeat": "Say hello."}, " say hello. Hello!", "Sure. Say hello. Hello!"),
    "combination:two_responses": ({}, "One.\n******\nTwo.", "One.\n******\nOne."),
    "detectable_content:number_placeholders": ({"num_placeholders": 2}, "[name], [city]", "[name], city"),
    "detectable_content:postscript": ({"postscript_marker": "P.S."}, "Bye.\np. s. More.", "Bye.\nPS More."),
    "detectable_format:constrained_response": ({}, "Well: My answer is no.", "My answer is no"),
    "detectable_format:json_format": ({}, '```json\n{"a": 1}\n```', 'Here: {"a": 1}'),
    "detectable_format:multiple_sections": (
        {"num_sections": 2, "section_spliter": "SECTION"},
        "SECTION 1\na\nSECTION2\nb",
        "Section 1\na\nSection 2\nb",
    ),
    "detectable_format:number_bullet_lists": ({"num_bullets": 2}, "* a\n - b\n**c**", "* a\n - b\n* c"),
    "detectable_format:number_highlighted_sections": ({"num_highlights": 2}, "*a* and **b**", "*a* and * *"),
    "detectable_format:title": ({}, "<<Song>>\nla", "<< >>\nla"),
    "keywords:existence": ({"keywords": ["sun", "sea"]}, "Sunny seaside", "Sunny beach"),
    "keywords:forbidden_words": ({"forbidden_words": ["sun"]}, "Sunny", "The Sun."),
    "keywords:frequency": ({"keyword": "sun", "frequency": 2, "relation": "at least"}, "Sun, sunny", "Sun"),
    "keywords:letter_frequency": ({"letter": "e", "let_frequency": 3, "let_relation": "less than"}, "Ee", "Eee"),
    "language:response_language": ({"language": "de"}, "Das Wetter ist heute sehr schön.", "The weather is very nice."),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Then"},
        'First.\n\n"Then, so.',
        "First.\nThen, so.",
    ),
    "length_constraints:number_paragraphs": ({"num_paragraphs": 2}, "a\n***\nb\n***", "a\n\nb"),
    "length_constraints:number_sentences": (
        {"num_sentences": 2, "relation": "at least"},
        "so it is. yes.",
        "so it is.",
    ),
    "length_constraints:number_words": ({"num_words": 3, "relation": "less than"}, "two words", "don't go"),
    "punctuation:no_comma": ({}, "No. Never.", "No, never."),
    "startend:end_checker": ({"end_phrase": "Any questions?"}, 'So. "any questions?"', "Any questions? Bye."),
    "startend:quotation": ({}, ' "Yes." ', '"Yes." he said'),
}


@pytest.mark.parametrize("kind", CHECKS)
def test_every_kind_tells_an_answer_that_follows_from_one_that_nearly_does(kind: str):
    """All 25 kinds accept a right answer and refuse one that is nearly right."""
    settings, right, wrong = CASES[kind]
    assert follows(right, kind, settings)
    assert not follows(wrong, kind, settings)


@pytest.mark.parametrize("kind", CHECKS)
def test_an_empty_answer_follows_nothing(kind: str):
    """An answer of spaces follows no instruction, not even one that forbids something."""
    assert not follows(" \n", kind, CASES[kind][0])


def test_there_are_the_25_published_kinds():
    """The kinds are the 25 of the paper."""
    assert len(CHECKS) == 25


def test_settings_that_are_none_are_left_out():
    """Copies of the data fill every row up with settings that are None; they are as if absent."""
    assert follows("No.", "punctuation:no_comma", {"num_words": None})


def test_an_unknown_kind_is_an_error():
    """A kind that is not of the 25 is refused by name."""
    with pytest.raises(TaskError, match="'keywords:colour' is unknown"):
        follows("x", "keywords:colour", {})


@pytest.mark.parametrize("settings", [{}, {"num_words": 3}, {"num_words": 3, "relation": "at least", "letter": "a"}])
def test_wrong_settings_are_an_error(settings: dict[str, object]):
    """A setting that is missing or foreign is refused, also where the answer is empty; nothing is drawn at random."""
    with pytest.raises(TaskError, match="number_words"):
        follows("", "length_constraints:number_words", settings)


def test_an_unknown_relation_is_an_error():
    """Only the two published relations are known."""
    with pytest.raises(TaskError, match="at most"):
        follows("x", "length_constraints:number_words", {"num_words": 3, "relation": "at most"})


def test_the_loose_forms_are_the_eight_published_ones():
    """Whole, without the first line, the last, and both; then the same without asterisks."""
    assert loosened("*a*\nb\nc") == ("*a*\nb\nc", "b\nc", "*a*\nb", "b", "a\nb\nc", "b\nc", "a\nb", "b")


def test_loose_forgives_an_opening_line():
    """An opening line makes the strict check fail and the loose one not."""
    answer = 'Sure, here it is:\n{"a": 1}'
    assert not follows(answer, "detectable_format:json_format", {})
    assert follows_loosely(answer, "detectable_format:json_format", {})
    assert not follows_loosely("Sure", "detectable_format:json_format", {})
