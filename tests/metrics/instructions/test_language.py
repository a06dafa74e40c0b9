from __future__ import annotations

import pytest

from boldface.metrics.instructions.language import (
    capital_word_frequency,
    detect_language,
    english_lowercase,
    response_language,
)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Heute ist das Wetter sehr schön, und wir gehen spazieren.", "de"),
        ("आज मौसम बहुत अच्छा है और हम टहलने जा रहे हैं।", "hi"),
        ("오늘 날씨가 매우 좋습니다.", "ko"),
        ("12 + 3 = 15", None),
    ],
)
def test_languages_are_told_apart(text: str, language: str | None):
    """A text without letters has no language."""
    assert detect_language(text) == language


def test_a_guess_is_always_the_same():
    """A text that could be of several languages is guessed alike every time."""
    assert len({detect_language("taxi radio hotel") for _ in range(40)}) == 1


def test_no_letters_count_as_any_language():
    """An answer without letters is in every language, as published; it has no lower case, though."""
    assert response_language("12 + 3", language="ko")
    assert not english_lowercase("12 + 3")


def test_lower_case_must_be_english():
    """Lower case in another language is not what was asked."""
    assert not english_lowercase("heute ist das wetter sehr schön, und wir gehen spazieren.")


@pytest.mark.parametrize(
    ("text", "count"), [("I am", 1), ("DON'T", 2), ("WELL-KNOWN", 1), ("U.S. law", 1), ("NASA2", 1)]
)
def test_capital_words_are_nltks(text: str, count: int):
    """Contractions are two words, hyphenated words one."""
    assert capital_word_frequency(text, capital_frequency=count, capital_relation="at least")
    assert capital_word_frequency(text, capital_frequency=count + 1, capital_relation="less than")
