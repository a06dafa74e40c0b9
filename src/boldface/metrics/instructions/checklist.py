"""The 25 kinds of instruction by IFEval's names, and the two ways of checking one: strict and loose."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from boldface.errors import TaskError
from boldface.metrics.instructions import formats, keywords, language, lengths, whole

CHECKS: dict[str, Callable[..., bool]] = {
    "change_case:capital_word_frequency": language.capital_word_frequency,
    "change_case:english_capital": language.english_capital,
    "change_case:english_lowercase": language.english_lowercase,
    "combination:repeat_prompt": whole.repeat_prompt,
    "combination:two_responses": whole.two_responses,
    "detectable_content:number_placeholders": formats.number_placeholders,
    "detectable_content:postscript": formats.postscript,
    "detectable_format:constrained_response": formats.constrained_response,
    "detectable_format:json_format": formats.json_format,
    "detectable_format:multiple_sections": formats.multiple_sections,
    "detectable_format:number_bullet_lists": formats.number_bullet_lists,
    "detectable_format:number_highlighted_sections": formats.number_highlighted_sections,
    "detectable_format:title": formats.title,
    "keywords:existence": keywords.existence,
    "keywords:forbidden_words": keywords.forbidden_words,
    "keywords:frequency": keywords.frequency,
    "keywords:letter_frequency": keywords.letter_frequency,
    "language:response_language": language.response_language,
    "length_constraints:nth_paragraph_first_word": lengths.nth_paragraph_first_word,
    "length_constraints:number_paragraphs": lengths.number_paragraphs,
    "length_constraints:number_sentences": lengths.number_sentences,
    "length_constraints:number_words": lengths.number_words,
    "punctuation:no_comma": whole.no_comma,
    "startend:end_checker": whole.end_checker,
    "startend:quotation": whole.quotation,
}


def follows(answer: str, kind: str, settings: Mapping[str, Any]) -> bool:
    """Return whether an answer follows an instruction to the letter (``strict``); an empty answer follows none.

    Args:
        answer: What the model wrote.
        kind: Name of the instruction.
        settings: Its numbers and words, named as in the data; those that are None are left out.

    Raises:
        TaskError: The kind is unknown, or its settings are not those that it takes.
    """
    check = CHECKS.get(kind)
    if check is None:
        raise TaskError(f"The instruction {kind!r} is unknown.", f"There are {', '.join(CHECKS)}.")
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        inspect.signature(check).bind(answer, **given)
    except TypeError as error:
        raise TaskError(f"{kind}: {error}.", "Use the settings of IFEval's data.") from error
    return bool(answer.strip()) and check(answer, **given)


def follows_loosely(answer: str, kind: str, settings: Mapping[str, Any]) -> bool:
    """Return whether any of the eight :func:`loosened` forms of an answer follows an instruction."""
    return any(follows(form, kind, settings) for form in loosened(answer))


def loosened(answer: str) -> tuple[str, ...]:
    """Return the answer whole, without its first line, its last, and both; each as it is and without asterisks."""
    lines = answer.split("\n")
    parts = (answer, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])))
    return parts + tuple(part.replace("*", "") for part in parts)
