"""What a sentence says that states an instruction of IFEval: a pattern for each of the 25 kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NUMBER = (
    r"(?:\d[\d,]*\+?|one|two|three|four|five|six|seven|eight|nine|ten|some|few|no|at (?:least|most)|(?:more|less|"
    r"fewer) than|exactly|maximum|number of|limit\w*)"
)
_NEGATION = r"(?:\b(?:not|cannot|never|without|avoid\w*|exclud\w*|refrain\w*|leave out|no)\b|n['’]t\b)"
_TIMES = r"\b(?:times?|once|twice|whatsoever|at all|at least|at most|(?:more|less|fewer) than)\b"

_SIGNS = {
    "capital_word_frequency": r"capitali[sz]\w*|\bcapital letters?|\ball[- ]caps|\bcaps\b|stress words",
    "english_capital": r"capitali[sz]\w*|\bcapital(?: letters?)?\b|upper[- ]?case|lower[- ]?case|\b(?:all )?caps\b",
    "english_lowercase": r"lower[- ]?case\w*|\bno capital|\bcapital(?: letters?)|capitali[sz]\w*",
    "repeat_prompt": r"\brepeat|repleat|\bword[ -](?:for|by)[ -]word|\bwithout (?:any )?change|"
    rf"{_NEGATION} (?:say|output|add|change)\b",
    "two_responses": r"\*{6}|\basterisks?|\b(?:exactly )?two (?:different|versions|responses|critiques)",
    "number_placeholders": r"placeholders?|square brackets",
    "postscript": r"post ?-?scripts?|\bP\. ?(?:P\. ?)?S\b\.?",
    "constrained_response": r"My answer is (?:yes|no|maybe)|following (?:exact )?(?:phrases|options)|"
    r"choose (?:from|just|one)",
    "json_format": r"\bJSON\b|```",
    "multiple_sections": r"\bsections?\b|\b{section_spliter} (?:X|\d)",
    "number_bullet_lists": r"\bbullets?\b|^\s*[*-] ",
    "number_highlighted_sections": r"highlight\w*|itali[cs]\w*|\bbold\b|\*[^*\n]+\*",
    "title": r"<<|>>|angular brackets",
    "existence": r"\b(?:includ\w*|contain\w*|mention\w*|us(?:e|es|ing)|keywords?|words?|phrase|has|have|add)\b",
    "forbidden_words": _NEGATION,
    "frequency": _TIMES,
    "letter_frequency": r"\bletter ['\"“‘]?{letter}\b|exclamation marks?|hashtags?",
    "response_language": r"\b(?:in|into|only|use|using|entirely|outside of)(?: \w+){0,3}? {language}\b|"
    r"\b(?:no )?other languages?\b",
    "nth_paragraph_first_word": r"\bparagraphs?\b|new lines|line breaks|\\n",
    "number_paragraphs": r"(?<!\*)\*{3}(?!\*)|"
    rf"\b{_NUMBER}[ -](?:\w+ )?(?:paragraphs?|sections?|parts?|stanzas?)\b|divider",
    "number_sentences": rf"\b{_NUMBER}\b[^.\n]{{0,25}}?\b(?:sentences?|line poem)\b|"
    r"sentences? (?:long|in your response)",
    "number_words": rf"\b{_NUMBER}[^.\n]{{0,20}}?\bwords?\b|\bnumber of words|\bshort sentence",
    "no_comma": r"\bcommas?\b",
    "end_checker": r"\b(?:end|ends|finish|conclude)\b[^\n]*?\b(?:with|phrase|read)\b|\bvery (?:end|last)\b|"
    r"\bno (?:other|additional) words|" + _NEGATION + r" say anything after",
    "quotation": r"\bquot(?:ation|e)s? ?marks?|\bquotations marks|double quot\w*",
}
"""What a sentence that states an instruction of a kind says; ``{name}`` is a word of the row's settings."""

_ALSO_NAMED = {"existence", "forbidden_words", "frequency"}
"""Kinds whose pattern alone says little: it counts outside quotations, where one of the row's words is named too."""

_WORDS = ("keywords", "keyword", "forbidden_words", "end_phrase", "first_word")
_LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "de": "German", "en": "English", "fa": "Persian",
    "fi": "Finnish", "gu": "Gujarati", "hi": "Hindi", "it": "Italian", "kn": "Kannada", "ko": "Korean",
    "mr": "Marathi", "ne": "Nepali", "pa": "Punjabi", "pt": "Portuguese", "ru": "Russian", "sw": "Swahili",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "ur": "Urdu", "vi": "Vietnamese",
}  # fmt: skip
_QUOTED = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”")


def hide_quotations(text: str) -> str:
    """Return the text, as long as it is, with what stands in quotation marks hidden but for its last character.

    That one may end a sentence: ``"Who? Me." Yes.`` becomes ``"xxxxxxx." Yes.``
    """
    return _QUOTED.sub(lambda found: f"{found[0][0]}{'x' * (len(found[0]) - 3)}{found[0][-2:]}"[: len(found[0])], text)


def statement(sentence: str, kind: str, settings: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the stretch of a sentence from the first to the last sign and mention of an instruction.

    None when the sentence does not state it.

    Args:
        sentence: One sentence or line of a prompt.
        kind: IFEval's name of the instruction, without what is before the colon.
        settings: Its numbers and words.
    """
    sign = _SIGNS[kind]
    for name, value in settings.items():
        word = _LANGUAGES.get(value, value) if name == "language" else str(value)
        sign = sign.replace(f"{{{name}}}", re.escape(word.strip()))
    said = hide_quotations(sentence) if kind in _ALSO_NAMED else sentence
    signs = [match.span() for match in re.finditer(sign, said, re.IGNORECASE)]
    words = [
        match.span()
        for word in _named(settings)
        for match in re.finditer(rf"(?<!\w){re.escape(word.strip())}(?!\w)", sentence, re.IGNORECASE)
    ]
    alone = kind == "end_checker" and any(end - start > len(sentence) / 2 for start, end in words)
    if not (signs or alone) or (kind in _ALSO_NAMED and not words):
        return None
    return min(start for start, _ in signs + words), max(end for _, end in signs + words)


def _named(settings: Mapping[str, Any]) -> Iterator[str]:
    for name in _WORDS:
        value = settings.get(name) or ()
        yield from [value] if isinstance(value, str) else value
