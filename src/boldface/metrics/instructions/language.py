"""The language of an answer, and instructions about it and about capital letters."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from boldface.errors import MissingError
from boldface.metrics.instructions.relation import holds
from boldface.metrics.words import word_tokens


def detect_language(text: str) -> str | None:
    """Return the code (ISO 639-1) of the likeliest language, by langdetect with a fixed seed; None without letters.

    Raises:
        MissingError: langdetect is not installed.
    """
    detector, error = _detection()
    try:
        guesser = detector.create()
        guesser.append(text)
        return str(guesser.detect())
    except error:
        return None


def response_language(answer: str, *, language: str) -> bool:
    """The answer is in the language; an answer without letters follows, as in the published code."""
    return detect_language(answer) in (language, None)


def english_capital(answer: str) -> bool:
    """The answer has letters, all of them capitals, and is in English.

    langdetect takes a few words in capitals for another language now and then; so do the published scores.
    """
    return answer.isupper() and response_language(answer, language="en")


def english_lowercase(answer: str) -> bool:
    """The answer has letters, none of them a capital, and is in English."""
    return answer.islower() and response_language(answer, language="en")


def capital_word_frequency(answer: str, *, capital_frequency: int, capital_relation: str) -> bool:
    """That many of nltk's words are in capitals; ``I`` is one, ``DON'T`` two, ``WELL-KNOWN`` one.

    Raises:
        MissingError: nltk is not installed.
    """
    return holds(sum(word.isupper() for word in word_tokens(answer)), capital_relation, capital_frequency)


@cache
def _detection() -> tuple[Any, type[Exception]]:
    try:
        langdetect = import_module("langdetect")
    except ModuleNotFoundError as error:
        raise MissingError(
            "Telling languages apart needs langdetect.", "Run: pip install 'boldface[evaluate]'"
        ) from error
    # A factory of our own: the module's is shared by the whole process, and without a seed its guesses vary.
    factory = langdetect.DetectorFactory()
    factory.load_profile(langdetect.PROFILES_DIRECTORY)
    factory.seed = 0
    return factory, langdetect.LangDetectException
