"""How many sentences an answer has, as IFEval counts them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from boldface.errors import MissingError

# fmt: off
_ABBREVIATIONS = {
    "a.d", "a.m", "adm", "aug", "ave", "b.a", "b.c", "bros", "calif", "co", "col", "conn", "corp", "d.c", "dec", "dr",
    "feb", "fla", "fri", "ft", "gen", "inc", "jan", "jr", "lt", "ltd", "m.b.a", "maj", "messrs", "mich", "minn", "mr",
    "mrs", "ms", "n.y", "nov", "oct", "p.m", "ph.d", "prof", "rep", "reps", "sen", "sep", "sept", "sr", "st", "tues",
    "u.k", "u.n", "u.s", "u.s.a", "u.s.s.r", "va", "vs", "wed",
} | set("cdefghklmnprstvw")
_OPENERS = {
    "a", "after", "all", "also", "although", "an", "and", "as", "at", "because", "before", "both", "but", "by",
    "during", "despite", "each", "even", "for", "from", "he", "her", "his", "how", "however", "if", "in", "instead",
    "it", "its", "many", "meanwhile", "most", "my", "nor", "not", "now", "on", "one", "other", "our", "she", "since",
    "so", "some", "such", "that", "the", "their", "then", "there", "these", "they", "this", "those", "though", "thus",
    "to", "under", "until", "we", "what", "when", "where", "while", "why", "with", "yet", "you", "your",
}
# fmt: on

_SEEN_IN_LOWER_CASE = 32
"""nltk's ``_ORTHO_MID_LC``."""


def count_sentences(text: str) -> int:
    """Return the number of sentences that Punkt (Kiss & Strunk 2006) finds.

    The published code has Punkt's rules with what they learned from newspapers, which must be downloaded. Here the same
    rules (nltk's) run with written lists of abbreviations and of words that open sentences. The counts differ for 1 in
    100 paragraphs (mostly by one): where an abbreviation or an initial ends a sentence.

    Raises:
        MissingError: nltk is not installed.
    """
    return sum(1 for _ in _punkt().span_tokenize(text))


@cache
def _punkt() -> Any:
    try:
        punkt = import_module("nltk.tokenize.punkt")
    except ModuleNotFoundError as error:
        raise MissingError("Counting sentences needs nltk.", "Run: pip install 'boldface[evaluate]'") from error
    parameters = punkt.PunktParameters()
    parameters.abbrev_types.update(_ABBREVIATIONS)
    parameters.sent_starters.update(_OPENERS)
    # In Punkt's terms: seen in lower case inside sentences, so a capital says that one begins.
    parameters.ortho_context.update(dict.fromkeys(_OPENERS, _SEEN_IN_LOWER_CASE))
    return punkt.PunktSentenceTokenizer(parameters)
